package payin

import (
	"net/url"
	"testing"
	"time"
)

func TestNotificationAddresses(t *testing.T) {
	const order = "M000001T2022101023455774363043"
	tests := []struct{ name, address, kind, refund, want string }{
		{"the page's example", "https://merchant.example/Notification", NotifyPayment, "", "https://merchant.example/Notification?_orderId=" + order + "&_type=payment"},
		{"a refund with its id", "https://m.example/n", NotifyRefund, order + "_R1", "https://m.example/n?_orderId=" + order + "&_type=refund&_refundId=" + order + "_R1"},
		{"parameters stay as they are", "https://m.example/n?b=%7e&a=1", NotifyRefund, "", "https://m.example/n?b=%7e&a=1&_orderId=" + order + "&_type=refund"},
		{"a bare question mark", "https://m.example/n?", NotifyRefund, "", "https://m.example/n?_orderId=" + order + "&_type=refund"},
		{"a trailing ampersand", "https://m.example/n?a=1&", NotifyRefund, "", "https://m.example/n?a=1&_orderId=" + order + "&_type=refund"},
		{"a fragment stays behind", "https://m.example/n#top", NotifyRefund, "", "https://m.example/n?_orderId=" + order + "&_type=refund#top"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := NotificationURL(test.address, order, test.kind, test.refund); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestOnlyTheExactAnswerEndsANotification(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   bool
	}{
		{"the exact body", 200, "COMPLETED::M1T2", true},
		{"blanks around it", 200, " COMPLETED::M1T2\r\n", true},
		{"another status", 201, "COMPLETED::M1T2", false},
		{"a failure", 500, "COMPLETED::M1T2", false},
		{"another order", 200, "COMPLETED::M1T3", false},
		{"lower case", 200, "completed::M1T2", false},
		{"more text", 200, "COMPLETED::M1T2 ok", false},
		{"quotes", 200, `"COMPLETED::M1T2"`, false},
		{"nothing", 200, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Completed(test.status, []byte(test.body), "M1T2"); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestNotificationsGoOnForTwoDays(t *testing.T) {
	var sum time.Duration
	var delays []time.Duration
	for n := 1; ; n++ {
		delay, ok := NotificationDelay(n)
		if !ok {
			break
		}
		delays = append(delays, delay)
		sum += delay
	}
	if len(delays) != 195 || delays[0] != 5*time.Second || delays[2] != 5*time.Second || delays[3] != 15*time.Minute || sum != 48*time.Hour+15*time.Second {
		t.Errorf("%d retries in %v, beginning %v", len(delays), sum, delays[:4])
	}
	if _, ok := NotificationDelay(0); ok {
		t.Error("there is a retry before the first")
	}
}

func FuzzNotificationURL(f *testing.F) {
	f.Add("https://m.example/n?a=1#b", "M1T2", "M1T2_R1")
	f.Add("?", "a&b=c", "")
	f.Fuzz(func(t *testing.T, address, order, refund string) {
		if !isWebURL(address) {
			return
		}
		parsed, err := url.Parse(NotificationURL(address, order, NotifyRefund, refund))
		if err != nil {
			t.Fatal(err)
		}
		query, err := url.ParseQuery(parsed.RawQuery)
		if err != nil {
			return // the merchant's own parameters were broken
		}
		if ids := query["_orderId"]; len(ids) == 0 || ids[len(ids)-1] != order {
			t.Fatalf("the order is lost in %s", parsed)
		}
	})
}
