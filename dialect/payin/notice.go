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

// Know reads the merchant's identities, whose switches count.
func (d *Dialect) Know(ctx context.Context, merchantID string) (webhook.Known, error) {
	identities, err := d.Directory.Identities(ctx, merchantID)
	if err != nil {
		return webhook.Known{}, fmt.Errorf("find Payin merchants: %w", err)
	}
	return webhook.Known{Identities: identities}, nil
}

// Subscribed reports whether an address gets an event: payments and refunds
// that succeeded, and failed ones where it asked for them (Y5-1 to Y5-5,
// Y7.5-9); for an order's own address a switch asks. An order with an address
// of its own is not told to the configured ones.
func (d *Dialect) Subscribed(known webhook.Known, endpoint merchant.Endpoint, event webhook.Event) bool {
	name, tellable := eventTypes[event.Type]
	o, isOrder := orderOf(event.Charge, endpoint.Identity)
	switch {
	case !tellable || !isOrder:
		return false
	case endpoint.ID == "" && name == "refund.failed":
		on, err := switchOn(known, o.merchant, wire.SwitchNotifyFailures)
		return on || err != nil
	case endpoint.ID != "" && o.ownAddress(event.Refund) != "":
		return false
	case len(endpoint.Events) == 0:
		return name != "refund.failed"
	}
	return slices.Contains(endpoint.Events, name)
}

// Addresses returns the order's notificationURL.
func (d *Dialect) Addresses(event webhook.Event) []merchant.Endpoint {
	_, tellable := eventTypes[event.Type]
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
	return []merchant.Endpoint{{MerchantID: event.MerchantID, Dialect: merchant.Payin, Identity: o.merchant, URL: address}}
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

// ByGET is always so: a notification's address says it all.
func (d *Dialect) ByGET() bool { return true }

// Render adds order, type and refund to the address's query. Notifications of
// this API are not signed.
func (d *Dialect) Render(known webhook.Known, endpoint merchant.Endpoint, event webhook.Event) (webhook.Message, error) {
	o, isOrder := orderOf(event.Charge, endpoint.Identity)
	if !isOrder {
		return webhook.Message{}, fmt.Errorf("charge %s has no name in this API", event.Charge.ID)
	}
	if event.Type == wire.EventPaymentSucceeded {
		return webhook.Message{URL: wire.NotificationURL(endpoint.URL, o.id, wire.NotifyPayment, "")}, nil
	}
	omit, err := switchOn(known, o.merchant, wire.SwitchOmitRefundID)
	if err != nil {
		return webhook.Message{}, err
	}
	refundID := wire.RefundID(o.id, event.Refund.Sequence)
	if omit {
		refundID = ""
	}
	return webhook.Message{URL: wire.NotificationURL(endpoint.URL, o.id, wire.NotifyRefund, refundID)}, nil
}

// switchOn looks up one of a Payin merchant's switches.
func switchOn(known webhook.Known, payinMerchant, name string) (bool, error) {
	identity, ok := known.Identity(merchant.Payin, payinMerchant)
	if !ok {
		return false, fmt.Errorf("the merchant has no Payin merchant %s", payinMerchant)
	}
	return identity.Public[name] == wire.SwitchOn, nil
}

// Sign adds nothing.
func (d *Dialect) Sign(context.Context, string, []byte, http.Header) error { return nil }

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
