package engine

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// unusablePace is for accounts that can't be opened. An operator is alerted of them
// once, and their refunds go on soon after the account is mended.
var unusablePace = refund.Pace{SettlingTime: channel.BasicPace.SettlingTime, First: time.Second, Longest: 5 * time.Minute}

// open returns an account's connector. False: it can't be used now, and the
// outcome says that nothing was sent.
func (e *Engine) open(ctx context.Context, account string) (channel.Opened, refund.Outcome, bool) {
	opened, err := e.connector(ctx, account)
	if err == nil {
		e.mended(account)
		return opened, refund.Outcome{}, true
	}
	e.Broken(err)
	return channel.Opened{}, refund.Outcome{Kind: refund.OutcomeTryLater, Code: "NO_CONNECTOR", Message: "the channel account has no connector: nothing was sent"}, false
}

// Broken tells an operator why an account can't be used: with one alert for each
// version of an account that can't be opened.
func (e *Engine) Broken(err error) {
	var broken *channel.OpenError
	if !errors.As(err, &broken) {
		e.opts.Log.Warn("a channel account could not be read; it is tried again", "error", err)
		return
	}
	e.mu.Lock()
	version, told := e.broken[broken.Account]
	e.broken[broken.Account] = broken.Version
	e.mu.Unlock()
	if told && version == broken.Version {
		return
	}
	e.opts.Log.Error("a channel account can't be opened; its refunds wait", "account_id", broken.Account, "error", broken.Err)
	text := "channel account " + broken.Account + " can't be used, and its refunds wait (hint: refundry account check " + broken.Account + ")"
	if fault := refund.As(broken.Err); fault != nil {
		text = "channel account " + broken.Account + " can't be used: " + fault.Detail + "; its refunds wait (hint: refundry account check " + broken.Account + ")"
	}
	e.alert("", refund.Alert{Account: broken.Account, Text: text})
}

func (e *Engine) mended(account string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.broken, account)
}
