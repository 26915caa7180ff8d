package admin

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// KeyEdit changes a key; a nil member stays as it is.
type KeyEdit struct {
	// Scopes are all that the key has afterwards.
	Scopes []merchant.Scope
	// ExpiresAt is when its life ends; zero for never.
	ExpiresAt *time.Time
	// AllowIPs are all networks that it may be used from afterwards; empty for any.
	AllowIPs *[]netip.Prefix
	// Ceilings are all that it has afterwards; empty for none.
	Ceilings *[]money.Ceiling
	// Giver is as in NewKey.
	Giver *merchant.Key
}

// SetKey changes a key, and returns it as it is then. A key can't change itself:
// it would give itself what it lacks. Errors: KindNotFound, KindInvalid with the
// member, KindForbidden as for AddKey, KindStateConflict for the caller itself
// and for a key whose life is over.
func (a *Admin) SetKey(ctx context.Context, by By, merchantID, id string, set KeyEdit) (merchant.Key, error) {
	action, err := a.record(by, merchantID, "key.set", id)
	switch {
	case err != nil:
		return merchant.Key{}, err
	case by.Actor == audit.ByKey(id):
		return merchant.Key{}, refund.Errorf(refund.KindStateConflict, "id", "a key can't change itself; use another")
	}
	m, err := a.s.Store.MerchantByID(ctx, merchantID)
	if err != nil {
		return merchant.Key{}, err
	}
	now := a.now()
	key, err := a.s.Store.ChangeKey(ctx, merchantID, id, action, func(k merchant.Key, record audit.Record) (merchant.Key, audit.Record, error) {
		changed, err := a.editKey(m, k, set, now)
		return changed, boundedRecord(refund.Action{Record: record}, changed).Record, err
	})
	if err != nil {
		return merchant.Key{}, err
	}
	a.done(merchantID)
	return key, nil
}

func (a *Admin) editKey(m merchant.Merchant, k merchant.Key, set KeyEdit, now time.Time) (merchant.Key, error) {
	if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now) {
		return k, refund.Errorf(refund.KindStateConflict, "id", "the key's life is over; make another")
	}
	if set.Scopes != nil {
		known, ok := a.s.Dialects.Find(k.Dialect)
		if !ok || known.Keys == nil {
			return k, refund.Errorf(refund.KindInvalid, "scopes", "keys of dialect %q have no scopes here", k.Dialect)
		}
		if len(set.Scopes) == 0 {
			return k, refund.Errorf(refund.KindInvalid, "scopes", "scopes is empty")
		}
		if err := checkScopes(known, m.Mode, set.Giver, set.Scopes); err != nil {
			return k, err
		}
		k.Scopes = set.Scopes
	}
	if set.ExpiresAt != nil {
		if k.ExpiresAt = *set.ExpiresAt; !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now) {
			return k, refund.Errorf(refund.KindInvalid, "expires_at", "expires_at is over (hint: to end a key's life now, expire it)")
		}
	}
	limits := k.Limits
	if set.AllowIPs != nil {
		limits.AllowIPs = *set.AllowIPs
	}
	if set.Ceilings != nil {
		limits.Ceilings = *set.Ceilings
	}
	limits, err := checkLimits(limits, set.Giver, now)
	if slices.Equal(limits.Ceilings, k.Limits.Ceilings) {
		limits.Since = k.Limits.Since
	}
	k.Limits = limits
	return k, err
}

// checkLimits checks limits, which begin now. A key with limits gives none that are
// wider: whoever has it could make one without them.
func checkLimits(l merchant.KeyLimits, giver *merchant.Key, now time.Time) (merchant.KeyLimits, error) {
	l.Since = time.Time{}
	if len(l.Ceilings) > 0 {
		l.Since = now
	}
	var fault *merchant.LimitError
	if err := l.Check(); errors.As(err, &fault) {
		return l, refund.Errorf(refund.KindInvalid, fault.Member, "%s", fault.Error())
	}
	if giver != nil {
		if member := l.Beyond(giver.Limits); member != "" {
			return l, refund.Errorf(refund.KindForbidden, member, "%s is wider than that of the key that asks, which can't give more than it has", member)
		}
	}
	return l, nil
}

// boundedRecord adds to a record what a key is bound to.
func boundedRecord(record refund.Action, k merchant.Key) refund.Action {
	if record.Action == "key.set" {
		record = record.With("scopes", scopeText(k.Scopes))
	}
	if !k.ExpiresAt.IsZero() {
		record = record.With("expires_at", k.ExpiresAt.UTC().Format(time.RFC3339))
	}
	var networks, ceilings []string
	for _, p := range k.Limits.AllowIPs {
		networks = append(networks, p.String())
	}
	for _, c := range k.Limits.Ceilings {
		ceilings = append(ceilings, ceilingText(c))
	}
	if networks != nil {
		record = record.With("allow_ips", strings.Join(networks, " "))
	}
	if ceilings != nil {
		record = record.With("ceilings", strings.Join(ceilings, "; "))
	}
	return record
}

func ceilingText(c money.Ceiling) string {
	var parts []string
	if c.PerRefund > 0 {
		parts = append(parts, money.Amount{Minor: c.PerRefund, Currency: c.Currency}.String()+" a refund")
	}
	if c.PerDay > 0 {
		parts = append(parts, money.Amount{Minor: c.PerDay, Currency: c.Currency}.String()+" a day")
	}
	return strings.Join(parts, ", ")
}
