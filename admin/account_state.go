package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// PauseAccount stops sending: refunds are accepted as usual and wait, and what
// was sent before is asked about. KindNotFound; KindStateConflict for a closed
// account.
func (a *Admin) PauseAccount(ctx context.Context, by By, merchantID, id string) (merchant.ChannelAccount, error) {
	return a.moveAccount(ctx, by, merchantID, id, "account.pause", merchant.AccountPaused, false)
}

// ResumeAccount has a paused account send again, what waited at once, and opens
// a closed one again. KindNotFound; KindStateConflict where the database may have
// lost what the channel did and nobody has asked it since (see AskAccount).
func (a *Admin) ResumeAccount(ctx context.Context, by By, merchantID, id string) (merchant.ChannelAccount, error) {
	return a.moveAccount(ctx, by, merchantID, id, "account.resume", merchant.AccountActive, false)
}

// ResumeUnchecked is ResumeAccount without the question: its caller has
// compared by hand, and is on record with that.
func (a *Admin) ResumeUnchecked(ctx context.Context, by By, merchantID, id string) (merchant.ChannelAccount, error) {
	return a.moveAccount(ctx, by, merchantID, id, "account.resume", merchant.AccountActive, true)
}

// CloseAccount ends an account: no refund is accepted for its charges, and no
// charge registered with it. What was accepted before is carried to its end.
// KindNotFound; KindStateConflict as of ResumeAccount.
func (a *Admin) CloseAccount(ctx context.Context, by By, merchantID, id string) (merchant.ChannelAccount, error) {
	return a.moveAccount(ctx, by, merchantID, id, "account.close", merchant.AccountClosed, false)
}

func (a *Admin) moveAccount(ctx context.Context, by By, merchantID, id, action string, to merchant.AccountState, unchecked bool) (merchant.ChannelAccount, error) {
	record, err := a.record(by, merchantID, action, id)
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	if unchecked {
		record = record.With("unchecked", "true")
	}
	after, err := a.s.Store.ChangeAccount(ctx, merchantID, id, record, a.now(), func(account *merchant.ChannelAccount) error {
		if account.State == merchant.AccountClosed && to == merchant.AccountPaused {
			return refund.Errorf(refund.KindStateConflict, "channel_account", "the channel account is closed")
		}
		if to != merchant.AccountPaused && !unchecked && !account.AskSince.IsZero() {
			return refund.Errorf(refund.KindStateConflict, "channel_account",
				"since %s this database may have lost refunds that the channel made, and nobody has asked it (hint: refundry account check --since, or resume with --unchecked after you have compared by hand)",
				account.AskSince.UTC().Format(time.RFC3339))
		}
		account.State = to
		if unchecked {
			account.AskSince = time.Time{}
		}
		return nil
	})
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	a.done(merchantID)
	return after, nil
}

// PauseRestored pauses an account whose database may have lost what the channel
// did since a time: before it is resumed, the channel has to be asked. A closed one
// stays closed, and can't be opened before. So it is with one that can't be read, for
// the operator who mends its row. KindNotFound.
func (a *Admin) PauseRestored(ctx context.Context, by By, merchantID, id string, since time.Time) error {
	record, err := a.record(by, merchantID, "account.pause", id)
	if err != nil {
		return err
	}
	if since.IsZero() { // a merchant without a row that says a time: everything is to be asked
		since = time.UnixMicro(1)
	}
	record = record.With("ask since", since.UTC().Format(time.RFC3339))
	if err := a.s.Store.PauseToAsk(ctx, merchantID, id, since, record, a.now()); err != nil {
		return err
	}
	a.done(merchantID)
	return nil
}
