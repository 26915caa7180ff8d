package admin

import (
	"context"
	"errors"

	"github.com/refundry/refundry/channel"
)

// CheckAccount makes a harmless call to the channel and returns what it looked
// at, in order. It changes nothing. KindNotFound.
func (a *Admin) CheckAccount(ctx context.Context, merchantID, id string) ([]channel.Check, error) {
	account, err := a.Account(ctx, merchantID, id)
	if err != nil {
		return nil, err
	}
	connector, err := a.s.Channels.TryOpen(account)
	if err != nil {
		return []channel.Check{{Name: "settings", Err: err}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	return append([]channel.Check{{Name: "settings"}}, checks(ctx, connector)...), nil
}

// errBrokeOff: what the connector broke off with may hold a secret.
var errBrokeOff = errors.New("the connector broke off (hint: this is a defect of it)")

func checks(ctx context.Context, connector channel.Connector) (found []channel.Check) {
	defer func() {
		if recover() != nil {
			found = append(found, channel.Check{Name: "connector", Err: errBrokeOff})
		}
	}()
	return connector.Check(ctx)
}
