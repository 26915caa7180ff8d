package payin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/payin"
)

var (
	_ webhook.Renderer  = (*Dialect)(nil)
	_ webhook.Addresser = (*Dialect)(nil)
	_ webhook.Getter    = (*Dialect)(nil)
)

// lookupTime bounds the look for a merchant's switches. It is made while a
// fan-out is under way; mostly the answer is in memory.
const lookupTime = 500 * time.Millisecond

// orderParameter is the notification's parameter that names the order.
const orderParameter = "_orderId"

// eventTypes are the events that can be told, by the name under which an
// endpoint subscribes to them. A refund that was withdrawn is one that failed.
var eventTypes = map[string]string{
	"refund." + string(refund.Succeeded): "refund.succeeded",
	"refund." + string(refund.Failed):    "refund.failed",
	"refund." + string(refund.Canceled):  "refund.failed",
	wire.EventPaymentSucceeded:           wire.EventPaymentSucceeded,
}

// Subscribed reports whether an address gets an event: payments and refunds that
// succeeded, and failed ones where it asked for them (section 5, section 7). An order with
// an address of its own is not told to the configured ones.
func (d *Dialect) Subscribed(endpoint merchant.Endpoint, event webhook.Event) bool {
	name, tellable := eventTypes[event.Type]
	o, known := orderOf(event.Charge, endpoint.Identity)
	if !tellable || !known || endpoint.ID != "" && o.ownAddress(event.Refund) != "" {
		return false
	}
	if len(endpoint.Events) == 0 {
		return name != "refund.failed"
	}
	return slices.Contains(endpoint.Events, name)
}

// Addresses gives the order's notificationURL.
func (d *Dialect) Addresses(event webhook.Event) []merchant.Endpoint {
	name, tellable := eventTypes[event.Type]
	var asked string // the Payin merchant that asked for the refund, if one did
	if event.Refund.By.Dialect == merchant.Payin {
		asked = event.Refund.By.Identity
	}
	o, known := orderOf(event.Charge, asked)
	if !tellable || !known {
		return nil
	}
	address := o.ownAddress(event.Refund)
	if address == "" {
		return nil
	}
	endpoint := merchant.Endpoint{MerchantID: event.MerchantID, Dialect: merchant.Payin, Identity: o.merchant, URL: address}
	if name == "refund.failed" {
		on, err := d.switchOn(o.merchant, wire.SwitchNotifyFailures)
		if err != nil {
			// Not to be told is the default, and the order can be queried.
			d.Log.Error("payin: a switch could not be read; a failed refund is not told", "merchant", event.MerchantID, "event", event.ID, "error", err)
		}
		if on {
			endpoint.Events = []string{name}
		}
	}
	return []merchant.Endpoint{endpoint}
}

// ownAddress is the order's notificationURL. A charge that was registered may
// have an address that is another dialect's; it counts here only when this API
// made the order or asked for the refund.
func (o order) ownAddress(r refund.Refund) string {
	if r.By.Dialect == merchant.Payin || madeHere(o.Charge) {
		return o.Detail.NotifyURL
	}
	return ""
}

// Address adds order, type and refund to the address's query.
func (d *Dialect) Address(endpoint merchant.Endpoint, event webhook.Event) (string, error) {
	o, known := orderOf(event.Charge, endpoint.Identity)
	if !known {
		return "", fmt.Errorf("charge %s has no name in this API", event.Charge.ID)
	}
	if event.Type == wire.EventPaymentSucceeded {
		return wire.NotificationURL(endpoint.URL, o.id, wire.NotifyPayment, ""), nil
	}
	omit, err := d.switchOn(o.merchant, wire.SwitchOmitRefundID)
	if err != nil {
		return "", err
	}
	refundID := wire.RefundID(o.id, event.Refund.Sequence)
	if omit {
		refundID = ""
	}
	return wire.NotificationURL(endpoint.URL, o.id, wire.NotifyRefund, refundID), nil
}

// switchOn looks up one of a Payin merchant's switches.
func (d *Dialect) switchOn(payinMerchant, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	_, identity, err := d.Directory.Identity(ctx, merchant.Payin, payinMerchant)
	if err != nil {
		return false, fmt.Errorf("find Payin merchant %s: %w", payinMerchant, err)
	}
	return identity.Public[name] == wire.SwitchOn, nil
}

// Render gives nothing: a notification is a GET, its address says it all.
func (d *Dialect) Render(context.Context, merchant.Endpoint, webhook.Event) ([]byte, error) {
	return nil, nil
}

// Sign adds nothing: notifications of this API are not signed.
func (d *Dialect) Sign(context.Context, string, []byte, http.Header) error { return nil }

// KeyID is none.
func (d *Dialect) KeyID(context.Context, merchant.Endpoint) (string, error) { return "", nil }

// Succeeded: 200 and COMPLETED::{orderId}. The order is the last that the
// address names; the merchant's own query may have such a parameter, too.
func (d *Dialect) Succeeded(delivery merchant.Delivery, status int, body []byte) bool {
	address, err := url.Parse(delivery.URL)
	if err != nil {
		return false
	}
	ids := address.Query()[orderParameter]
	return len(ids) > 0 && wire.Completed(status, body, ids[len(ids)-1])
}

// Schedule is 5 s three times, then every 15 minutes for 48 hours.
func (d *Dialect) Schedule() []time.Duration {
	var waits []time.Duration
	for n := 1; ; n++ {
		wait, ok := wire.NotificationDelay(n)
		if !ok {
			return waits
		}
		waits = append(waits, wait)
	}
}
