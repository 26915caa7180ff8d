package payin

import (
	"net/url"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/payin"
)

// tellPayment makes the deliveries that tell of a payment (section 5), to the
// addresses that are told of a refund that succeeded. The fan-out has no part
// in it: it tells of events, which are changes of refunds, and a payment is none.
// Instead of an event the deliveries name the charge.
func (d *Dialect) tellPayment(charge refund.Charge) func([]merchant.Endpoint) ([]merchant.Delivery, error) {
	now := d.now()
	event := webhook.Event{MerchantID: charge.MerchantID, ID: charge.ID, Type: wire.EventPaymentSucceeded, At: now, Charge: charge}
	return func(endpoints []merchant.Endpoint) ([]merchant.Delivery, error) {
		var deliveries []merchant.Delivery
		for _, endpoint := range append(d.Addresses(event), endpoints...) {
			if endpoint.Dialect != merchant.Payin || !d.Subscribed(endpoint, event) {
				continue
			}
			address, err := d.Address(endpoint, event)
			if err != nil {
				return nil, err
			}
			host := ""
			if parsed, err := url.Parse(address); err == nil {
				host = strings.ToLower(parsed.Host)
			}
			deliveries = append(deliveries, merchant.Delivery{
				MerchantID: charge.MerchantID, ID: refund.NewID(now), CreatedAt: now, EventID: charge.ID, EndpointID: endpoint.ID,
				Dialect: merchant.Payin, URL: address, Host: host, Body: []byte{}, DueAt: now,
			})
		}
		return deliveries, nil
	}
}
