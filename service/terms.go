package service

import (
	"context"
	"errors"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// accountTerms are what an account sets for the refunds of its charges: the rules
// of its driver, and the numbers of its connector. An account that can't be opened
// takes no refund, since nobody can make its numbers; broken is told why.
func accountTerms(connectors *channel.Connectors, broken func(error)) store.AccountTerms {
	return func(ctx context.Context, settings merchant.Settings, account merchant.ChannelAccount) refund.Terms {
		if account.State == merchant.AccountClosed {
			return refund.Terms{}
		}
		opened, err := connectors.Connector(ctx, account.ID)
		if errors.Is(err, refund.ErrUnavailable) {
			return refund.Terms{Fault: refund.Unavailable(err)}
		}
		if err != nil {
			broken(err)
			fault := refund.Errorf(refund.KindBusy, "charge", "the charge's channel account can't be used now; nothing was accepted, try again")
			fault.Cause = err
			return refund.Terms{Fault: fault}
		}
		return refund.Terms{Rules: channelRules(connectors, settings, account), Number: opened.Number}
	}
}

// channelRules are those of the account's driver. The sandbox has the published
// rules of all channels, for a merchant who asks for them.
func channelRules(connectors *channel.Connectors, settings merchant.Settings, account merchant.ChannelAccount) func(string) refund.Rules {
	driver, ok := connectors.Driver(account.Channel)
	switch {
	case account.Channel == merchant.ChannelSandbox && settings.ChannelRules:
		return channel.PublishedRules
	case ok:
		return driver.Rules
	}
	return nil
}
