package admin

import (
	"context"
	"maps"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// AccountChange is what is to be changed of an account. Members that are absent
// stay as they are.
type AccountChange struct {
	// Takes is as in NewAccount; nil leaves it.
	Takes   []string
	Default *bool
	// Settings and Secrets replace those that they name; an empty setting is taken
	// away. Any change of them is a new version of the account, and ends the
	// version before it at once. See RotateAccount for one that overlaps.
	Settings, Secrets map[string]string
}

// SetAccount changes an account. Nothing changed is no new version and no
// record. Errors: KindNotFound; KindInvalid as in AddAccount.
func (a *Admin) SetAccount(ctx context.Context, by By, merchantID, id string, in AccountChange) (merchant.ChannelAccount, error) {
	record, err := a.record(by, merchantID, "account.set", id)
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	takes, err := takesOf(in.Takes)
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	record = changed(record, in.Settings, in.Secrets)
	if in.Takes != nil {
		record = record.With("takes", showTakes(takes))
	}
	now := a.now()
	after, err := a.s.Store.ChangeAccount(ctx, merchantID, id, record, now, func(account *merchant.ChannelAccount) error {
		if in.Takes != nil {
			account.Takes = takes
		}
		if in.Default != nil {
			account.Default = *in.Default
		}
		return a.renew(account, in.Settings, in.Secrets, now)
	})
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	a.done(merchantID)
	return after, nil
}

const (
	// DefaultOverlap is how long the credentials before a rotation stay good for
	// what the channel sends: longer than channels repeat a notice.
	DefaultOverlap = 48 * time.Hour
	// MaxOverlap bounds it.
	MaxOverlap = 90 * 24 * time.Hour
	// maxVersions bounds the versions of an account that are alive at once: each
	// may have to be tried for each notice.
	maxVersions = 5
)

// RotateAccount replaces the credentials of an account. From now on they are what is
// sent with; what the channel sends is verified by those before, too, for the
// overlap. Errors: KindNotFound; KindInvalid as in AddAccount; KindStateConflict
// while too many versions are alive.
func (a *Admin) RotateAccount(ctx context.Context, by By, merchantID, id string, settings, secrets map[string]string, overlap time.Duration) (merchant.ChannelAccount, error) {
	record, err := a.record(by, merchantID, "account.rotate", id)
	switch {
	case err != nil:
		return merchant.ChannelAccount{}, err
	case len(settings)+len(secrets) == 0:
		return merchant.ChannelAccount{}, refund.Errorf(refund.KindInvalid, "secrets", "secrets or settings must be given: a rotation needs something new")
	case overlap < 0 || overlap > MaxOverlap:
		return merchant.ChannelAccount{}, refund.Errorf(refund.KindInvalid, "overlap", "overlap must be from 0 to %d days", int(MaxOverlap/(24*time.Hour)))
	}
	now := a.now()
	record = changed(record.With("overlap", overlap.String()), settings, secrets)
	after, err := a.s.Store.ChangeAccount(ctx, merchantID, id, record, now, func(account *merchant.ChannelAccount) error {
		if len(account.LivePrevious(now)) >= maxVersions-1 {
			return refund.Errorf(refund.KindStateConflict, "channel_account", "%d versions of the account are in use already; wait until one has retired", maxVersions)
		}
		return a.renew(account, settings, secrets, now.Add(overlap))
	})
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	a.done(merchantID)
	return after, nil
}

// renew makes the next version of an account, with the settings and secrets that
// are given in the place of those that it had. None that differs is no version.
func (a *Admin) renew(account *merchant.ChannelAccount, settings, secrets map[string]string, retiresAt time.Time) error {
	nextSettings, nextSecrets := over(account.Settings, settings), over(account.Secrets, secrets)
	for name, value := range secrets {
		if value == "" {
			return refund.Errorf(refund.KindInvalid, name, "%s: must not be empty", name)
		}
	}
	if maps.Equal(nextSettings, account.Settings) && maps.Equal(nextSecrets, account.Secrets) {
		return nil
	}
	*account = account.Renew(nextSettings, nextSecrets, retiresAt)
	return a.checkAccount(*account)
}

// over returns values with others in their place; "" takes one away.
func over(values, others map[string]string) map[string]string {
	out := make(map[string]string, len(values)+len(others))
	maps.Copy(out, values)
	maps.Copy(out, others)
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}
