package admin

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Pauses keeps pauses that are wider than one channel account's.
type Pauses interface {
	// Pauses lists those that concern a merchant, the widest first; with "" all.
	Pauses(ctx context.Context, merchantID string) ([]merchant.Pause, error)
	// AddPause writes a pause and returns it. One of its scope that is there stays
	// as it is, without a record, and is returned instead.
	AddPause(ctx context.Context, p merchant.Pause, record refund.Action) (merchant.Pause, error)
	// EndPause takes the pause of exactly this scope away. False: there is none,
	// and there is no record.
	EndPause(ctx context.Context, scope merchant.PauseScope, record refund.Action) (bool, error)
	// SendWhatWaited makes refunds due that a pause of the scope may have put off.
	SendWhatWaited(ctx context.Context, scope merchant.PauseScope, now time.Time) error
}

// MaxPauseReason bounds why something was paused, in characters: it is a line in tables.
const MaxPauseReason = 256

// Pause stops sending through all accounts of a scope: refunds are accepted as
// usual and wait, and what was sent before is asked about. Every process heeds it
// within seconds; calls that are under way end. Again changes nothing, and returns
// the pause that is there. KindInvalid for a channel that is none; KindNotFound.
func (a *Admin) Pause(ctx context.Context, by By, scope merchant.PauseScope, reason string) (merchant.Pause, error) {
	if utf8.RuneCountInString(reason) > MaxPauseReason || strings.ContainsRune(reason, 0) {
		return merchant.Pause{}, refund.Errorf(refund.KindInvalid, "reason", "reason must be text of at most %d characters", MaxPauseReason)
	}
	record, err := a.pauseRecord(ctx, by, scope, "pause")
	if err != nil {
		return merchant.Pause{}, err
	}
	if reason != "" {
		record = record.With("reason", reason)
	}
	p, err := a.s.Store.AddPause(ctx, merchant.Pause{PauseScope: scope, Reason: reason, At: a.now(), By: by.Actor}, record)
	if err != nil {
		return merchant.Pause{}, err
	}
	a.done(scope.MerchantID)
	return p, nil
}

// Resume ends the pause of exactly this scope and has sent what waited, at the
// limits of each account; what another pause covers goes on waiting. False: there
// was no such pause. KindInvalid for a channel that is none; KindNotFound.
func (a *Admin) Resume(ctx context.Context, by By, scope merchant.PauseScope) (bool, error) {
	record, err := a.pauseRecord(ctx, by, scope, "resume")
	if err != nil {
		return false, err
	}
	ended, err := a.s.Store.EndPause(ctx, scope, record)
	if err == nil {
		// Also where there was none: the process that ended it may not have come
		// this far.
		err = a.s.Store.SendWhatWaited(ctx, scope, a.now())
	}
	if err != nil {
		return false, err
	}
	a.done(scope.MerchantID)
	return ended, nil
}

// Pauses lists the pauses that concern a merchant, the widest first; with "" all
// of everybody. An account's own is its state.
func (a *Admin) Pauses(ctx context.Context, merchantID string) ([]merchant.Pause, error) {
	return a.s.Store.Pauses(ctx, merchantID)
}

// pausesOf are the pauses that cover an account.
func (a *Admin) pausesOf(ctx context.Context, account merchant.ChannelAccount) ([]merchant.Pause, error) {
	all, err := a.s.Store.Pauses(ctx, account.MerchantID)
	return slices.DeleteFunc(all, func(p merchant.Pause) bool { return !p.Covers(account) }), err
}

// pauseRecord makes the record of an action on a scope, in the merchant's chain or
// else the installation's, and checks the scope.
func (a *Admin) pauseRecord(ctx context.Context, by By, scope merchant.PauseScope, verb string) (refund.Action, error) {
	of, object := "installation.", ""
	switch {
	case scope.MerchantID != "":
		of, object = "merchant.", scope.MerchantID
	case scope.Channel != "":
		of, object = "channel.", scope.Channel
	}
	record, err := a.record(by, scope.MerchantID, of+verb, object)
	if err != nil {
		return refund.Action{}, err
	}
	if names := a.s.Channels.Names(); scope.Channel != "" && !slices.Contains(names, scope.Channel) {
		return refund.Action{}, refund.Errorf(refund.KindInvalid, "channel", "channel must be one of %s", strings.Join(names, ", "))
	}
	if scope.MerchantID != "" {
		if _, err := a.s.Store.MerchantByID(ctx, scope.MerchantID); err != nil && refund.KindOf(err) != refund.KindCorrupt { // one that is damaged can be paused
			return refund.Action{}, err
		}
		if scope.Channel != "" {
			record = record.With("channel", scope.Channel)
		}
	}
	return record, nil
}
