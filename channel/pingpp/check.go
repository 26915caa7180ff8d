package pingpp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/refundry/refundry/channel"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// checkCharge is a charge that there is not: one of a refund of it moves nothing.
const checkCharge = "ch_refundryAccountCheck0000"

// Check implements channel.Connector: it lists the app's newest charge, which proves
// the key, the app and Ping++'s public key, and asks for a refund of a charge that
// there is not, which proves the merchant's key. Each finding has the name of the
// setting at fault.
func (c *connector) Check(ctx context.Context) []channel.Check {
	a := c.call(ctx, http.MethodGet, wire.ChargesPath()+"?"+url.Values{"app[id]": {c.app}, "limit": {"1"}}.Encode(), nil)
	err := a.failure()
	fault := (*faulted)(nil)
	switch {
	case a.status == 0:
		return []channel.Check{{Name: settingBaseURL, Err: fmt.Errorf("%w (hint: is the address right, and may it be called? --egress-allow lists private networks)", err)}}
	case errors.As(err, &fault) && fault.status == http.StatusUnauthorized:
		return []channel.Check{{Name: settingBaseURL}, {Name: secretAPIKey, Err: fmt.Errorf("%w (hint: the key must be the app's, of the merchant's mode)", err)}}
	case errors.As(err, &fault):
		return []channel.Check{{Name: settingBaseURL}, {Name: settingApp, Err: fmt.Errorf("%w (hint: is the app the key's?)", err)}}
	case a.problem != nil && len(c.keys) > 0 && !errors.Is(err, wire.ErrAnswer):
		return []channel.Check{{Name: settingBaseURL}, {Name: settingPlatformKey, Err: fmt.Errorf("%w (hint: set the public key that Ping++'s dashboard shows)", err)}}
	case err != nil:
		return []channel.Check{{Name: settingBaseURL, Err: fmt.Errorf("%w (hint: does Ping++ answer at this address?)", err)}}
	}
	found := []channel.Check{{Name: settingBaseURL}, {Name: secretAPIKey}, {Name: settingApp}}
	if len(c.keys) > 0 {
		found = append(found, channel.Check{Name: settingPlatformKey})
	} else {
		found = append(found, channel.Check{Name: settingPlatformKey, Err: errors.New("is not set: answers are not verified, and webhooks are not taken (hint: set the public key that Ping++'s dashboard shows)")})
	}
	return append(found, c.checkSignature(ctx))
}

// checkSignature asks for a refund that can't be: Ping++ checks a signature before
// it looks for the charge.
func (c *connector) checkSignature(ctx context.Context) channel.Check {
	body, err := wire.Marshal(request{Amount: 1, Description: noReason, Metadata: map[string]string{numberKey: "check"}})
	if err != nil {
		return channel.Check{Name: secretPrivateKey, Err: err}
	}
	err = c.call(ctx, http.MethodPost, wire.RefundsPath(checkCharge), body).failure()
	fault := (*faulted)(nil)
	switch {
	case errors.As(err, &fault) && fault.noCharge():
		return channel.Check{Name: secretPrivateKey}
	case errors.As(err, &fault) && fault.status == http.StatusUnauthorized:
		return channel.Check{Name: secretPrivateKey, Err: fmt.Errorf("%w (hint: the public half of the key must be registered at Ping++, and this machine's clock be right)", err)}
	}
	return channel.Check{Name: secretPrivateKey, Err: fmt.Errorf("the signature could not be checked: %w (hint: may the key refund?)", err)}
}
