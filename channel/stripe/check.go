package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
)

// Check implements channel.Connector: it asks for one refund, which a restricted key
// must be allowed to, and for the balance, which tells the key's mode. Each finding
// has the name of the setting at fault.
func (c *connector) Check(ctx context.Context) []channel.Check {
	found := []channel.Check{c.checkWebhooks()}
	params := &stripe.RefundListParams{}
	params.Limit, params.Single = stripe.Int64(1), true
	err := c.client.V1Refunds.List(ctx, params).Err()
	if err == nil {
		var balance *stripe.Balance
		balance, err = c.client.V1Balance.Retrieve(ctx, nil)
		if statusOf(err) == http.StatusForbidden {
			err = nil // a restricted key need not see it
		} else if err == nil && balance.Livemode != c.live {
			err = errors.New("the key is of the other mode, test or live (hint: set the key of the merchant's mode)")
			return append(found, channel.Check{Name: settingBaseURL}, channel.Check{Name: secretKey, Err: err})
		}
	}
	switch status := statusOf(err); {
	case err == nil:
		return append(found, channel.Check{Name: settingBaseURL}, channel.Check{Name: secretKey})
	case status == http.StatusUnauthorized:
		err = fmt.Errorf("the key is not known to Stripe: %s (hint: has it been rolled or revoked? account rotate sets the new one)", c.said(err))
	case status == http.StatusForbidden:
		err = fmt.Errorf("the key may not do this: %s (hint: a restricted key needs to write refunds and to read charges and payment intents)", c.said(err))
	case status == 0:
		return append(found, channel.Check{Name: settingBaseURL, Err: fmt.Errorf(
			"%s (hint: is the address right, and may it be called? --egress-allow lists private networks)", c.said(err))})
	default:
		err = fmt.Errorf("the answer is HTTP %d: %s (hint: try again later)", status, c.said(err))
		return append(found, channel.Check{Name: settingBaseURL, Err: err})
	}
	return append(found, channel.Check{Name: settingBaseURL}, channel.Check{Name: secretKey, Err: err})
}

func (c *connector) checkWebhooks() channel.Check {
	one := channel.Check{Name: secretWebhook}
	if !c.webhooks {
		one.Err = errors.New("is not set, so that Stripe's events are refused and refunds are only asked about (hint: make a webhook endpoint at Stripe and set its signing secret)")
	}
	return one
}

// statusOf is the status of Stripe's own error, 0 for any other error.
func statusOf(err error) int {
	var fault *stripe.Error
	if errors.As(err, &fault) {
		return fault.HTTPStatusCode
	}
	return 0
}
