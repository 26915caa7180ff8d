package admin

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

// errNothingToMove ends a change that would alter nothing.
var errNothingToMove = errors.New("nothing to move")

// MoveSettings writes into a merchant's channel account the settings that one of its
// identities has of a version that kept them there (merchant.MovedSetting), and
// takes them away from the identity. It may be called again, and by several
// processes: nothing to move is no change and no record. It returns the names that
// stay on the identity, unread: where the merchant has no such account, and where
// the account has another value already, which counts. KindInvalid: the account's
// driver refuses a value; nothing is changed.
func (a *Admin) MoveSettings(ctx context.Context, by By, i merchant.Identity) (left []string, err error) {
	if err := by.check(); err != nil {
		return nil, err
	}
	known, _ := a.s.Dialects.Find(i.Dialect)
	var has []merchant.MovedSetting
	for _, moved := range known.Moved {
		if valueOf(moved, i) != "" {
			has = append(has, moved)
		}
	}
	if len(has) == 0 {
		return nil, nil
	}
	m, err := a.s.Store.MerchantByID(ctx, i.MerchantID)
	if err != nil {
		return nil, err
	}
	accounts, err := a.s.Store.ChannelAccounts(ctx, i.MerchantID)
	if err != nil {
		return nil, err
	}
	to := make(map[string][]merchant.MovedSetting) // by account
	for _, moved := range has {
		if account, ok := moved.Account(accounts, m.Mode); ok {
			to[account.ID] = append(to[account.ID], moved)
		} else {
			left = append(left, moved.Name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(to)) {
		stay, err := a.moveTo(ctx, by, i, id, to[id])
		if err != nil {
			return nil, err
		}
		left = append(left, stay...)
	}
	return left, nil
}

// moveTo moves settings of an identity to one account. The account comes first:
// what is lost in between is on both, and moved again.
func (a *Admin) moveTo(ctx context.Context, by By, i merchant.Identity, accountID string, settings []merchant.MovedSetting) (left []string, err error) {
	record, err := a.record(by, i.MerchantID, "account.set", accountID)
	if err != nil {
		return nil, err
	}
	before, err := a.Account(ctx, i.MerchantID, accountID)
	if err != nil {
		return nil, err
	}
	given, secrets := make(map[string]string), make(map[string]string)
	for _, moved := range settings {
		valuesOf(moved, given, secrets)[moved.As] = valueOf(moved, i)
	}
	given, secrets = lacking(before.Settings, given), lacking(before.Secrets, secrets)
	record = changed(record.With("moved from", i.Dialect+"/"+i.Name), given, secrets)
	now := a.now()
	after, err := a.s.Store.ChangeAccount(ctx, i.MerchantID, accountID, record, now, func(account *merchant.ChannelAccount) error {
		return a.renew(account, lacking(account.Settings, given), lacking(account.Secrets, secrets), now)
	})
	if err != nil {
		return nil, err
	}
	var moved []merchant.MovedSetting
	for _, setting := range settings {
		if valuesOf(setting, after.Settings, after.Secrets)[setting.As] == valueOf(setting, i) {
			moved = append(moved, setting)
		} else {
			left = append(left, setting.Name)
		}
	}
	err = a.takeAway(ctx, by, i, accountID, moved)
	a.done(i.MerchantID)
	return left, err
}

// takeAway removes settings that an account has now from an identity, unless they
// have been changed there meanwhile.
func (a *Admin) takeAway(ctx context.Context, by By, i merchant.Identity, accountID string, settings []merchant.MovedSetting) error {
	action, err := a.record(by, i.MerchantID, "identity.set", i.Dialect+"/"+i.Name)
	if err != nil {
		return err
	}
	action = action.With("moved to", accountID)
	_, err = a.s.Store.ChangeIdentity(ctx, i.MerchantID, i.Dialect, i.Name, action, func(now merchant.Identity, record audit.Record) (merchant.Identity, audit.Record, error) {
		now.Public, now.Secrets = maps.Clone(now.Public), maps.Clone(now.Secrets)
		gone := 0
		for _, moved := range settings {
			if valueOf(moved, now) == valueOf(moved, i) {
				delete(valuesOf(moved, now.Public, now.Secrets), moved.Name)
				gone++
			}
		}
		if gone == 0 {
			return now, record, errNothingToMove
		}
		return now, record, nil
	})
	if errors.Is(err, errNothingToMove) {
		return nil
	}
	return err
}

func valueOf(m merchant.MovedSetting, i merchant.Identity) string {
	return valuesOf(m, i.Public, i.Secrets)[m.Name]
}

// valuesOf is where a setting stands: among settings or among secrets.
func valuesOf(m merchant.MovedSetting, settings, secrets map[string]string) map[string]string {
	if m.Secret {
		return secrets
	}
	return settings
}

// lacking are the values that others do not have yet.
func lacking(have, values map[string]string) map[string]string {
	out := maps.Clone(values)
	maps.DeleteFunc(out, func(name, _ string) bool { return have[name] != "" })
	return out
}
