package payin

import (
	"net/url"
	"strings"
	"time"
)

// Values of a notification's _type (Y5-7).
const (
	NotifyPayment = "payment"
	NotifyRefund  = "refund"
)

// EventPaymentSucceeded is what an address names that wants to be notified of payments,
// beside the events of refunds.
const EventPaymentSucceeded = "payment.succeeded"

// MaxAnswer is how much of a merchant's answer to a notification is read, in
// bytes. COMPLETED:: with the longest id has 76.
const MaxAnswer = 1024

// Schedule of notifications (Y5-15).
const (
	quickRetries = 3
	quickDelay   = 5 * time.Second
	slowDelay    = 15 * time.Minute
	// slowTime is how long the slow retries go on. The original is seen to go
	// on for more than 28 hours.
	slowTime = 48 * time.Hour
	// NotificationRetries is how many times a notification is sent again.
	NotificationRetries = quickRetries + int(slowTime/slowDelay)
)

// NotificationDelay is the pause before the n-th retry, from 1. ok is false
// when there is none: nobody is notified any more.
func NotificationDelay(n int) (delay time.Duration, ok bool) {
	switch {
	case n < 1 || n > NotificationRetries:
		return 0, false
	case n <= quickRetries:
		return quickDelay, true
	}
	return slowDelay, true
}

// NotificationURL adds the parameters of a notification to a merchant's
// address, behind those that it has already, which stay as they are. The
// parameter _refundId is ours; refundID "" leaves it out.
func NotificationURL(address, orderID, kind, refundID string) string {
	address, fragment, fragmented := strings.Cut(address, "#")
	var joined strings.Builder
	joined.WriteString(address)
	switch {
	case !strings.Contains(address, "?"):
		joined.WriteByte('?')
	case !strings.HasSuffix(address, "?") && !strings.HasSuffix(address, "&"):
		joined.WriteByte('&')
	}
	joined.WriteString("_orderId=" + url.QueryEscape(orderID) + "&_type=" + url.QueryEscape(kind))
	if refundID != "" {
		joined.WriteString("&_refundId=" + url.QueryEscape(refundID))
	}
	if fragmented {
		joined.WriteString("#" + fragment)
	}
	return joined.String()
}

// Completed reports whether a merchant's answer to a notification ends it: HTTP
// 200 and a body that is COMPLETED::{orderID} and nothing else, blanks around
// it excepted.
func Completed(status int, body []byte, orderID string) bool {
	return status == 200 && strings.TrimSpace(string(body)) == CompletedAnswer(orderID)
}

// CompletedAnswer is the body by which a merchant ends a notification.
func CompletedAnswer(orderID string) string { return "COMPLETED::" + orderID }

// isWebURL reports whether text is an absolute http or https address without
// blanks, which would be called as %20.
func isWebURL(text string) bool {
	if len(text) > MaxURL || strings.ContainsAny(text, " \t\u00a0\u3000") {
		return false
	}
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != ""
}
