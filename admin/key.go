package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Keys keeps API keys.
type Keys interface {
	AddKey(ctx context.Context, f merchant.FreshKey, record refund.Action) error
	// Keys are all of a merchant's, expired ones too, oldest first.
	Keys(ctx context.Context, merchantID string) ([]merchant.Key, error)
	// ChangeKey changes scopes, limits and the end of a key's life. KindNotFound; an
	// error of change leaves the key as it was.
	ChangeKey(ctx context.Context, merchantID, id string, action refund.Action, change KeyChange) (merchant.Key, error)
	// ExpireKey ends a key's life. KindNotFound.
	ExpireKey(ctx context.Context, merchantID, id string, record refund.Action, at time.Time) error
}

// KeyChange lets a caller alter a key, and adds to the record what it altered.
type KeyChange func(merchant.Key, audit.Record) (merchant.Key, audit.Record, error)

// NewKey is what an API key is made of.
type NewKey struct {
	Dialect string
	// Identity is whose key it is; "" is the only one in the dialect.
	Identity string
	// Scopes are what it may do; nil is what is standard in its dialect and mode,
	// which never has merchant.ScopeResolve.
	Scopes []merchant.Scope
	// Settings are those of a key's own, by the names of its dialect.
	Settings map[string]string
	// ExpiresAt is when its life ends; zero for never.
	ExpiresAt time.Time
	// Limits are networks and ceilings; Since is set here.
	Limits merchant.KeyLimits
	// Giver is the key that asks, which can't give a scope that it lacks; nil for
	// who may give all.
	Giver *merchant.Key
}

// AddKey makes an API key, whose text is in the answer and nowhere else. Errors:
// KindNotFound for the merchant; KindInvalid; KindForbidden for a scope that the
// giver lacks, and for an identity that is not the merchant's.
func (a *Admin) AddKey(ctx context.Context, by By, merchantID string, in NewKey) (merchant.FreshKey, error) {
	if err := by.check(); err != nil {
		return merchant.FreshKey{}, err
	}
	m, err := a.s.Store.MerchantByID(ctx, merchantID)
	if err != nil {
		return merchant.FreshKey{}, err
	}
	known, ok := a.s.Dialects.Find(in.Dialect)
	if !ok || known.Keys == nil {
		return merchant.FreshKey{}, refund.Errorf(refund.KindInvalid, "dialect", "callers in dialect %q have no keys", in.Dialect)
	}
	if err := merchant.CheckSettings(known.Keys.Settings, in.Settings, nil); err != nil {
		return merchant.FreshKey{}, invalidSetting(err)
	}
	identity, err := a.keyIdentity(ctx, merchantID, known, in.Identity)
	if err != nil {
		return merchant.FreshKey{}, err
	}
	now := a.now()
	fresh := known.NewKey(m, identity, in.Settings, now)
	record, err := a.record(by, merchantID, "key.add", fresh.Key.ID)
	if err != nil {
		return merchant.FreshKey{}, err
	}
	if in.Scopes != nil {
		fresh.Key.Scopes = in.Scopes
	}
	if err := checkScopes(known, m.Mode, in.Giver, fresh.Key.Scopes); err != nil {
		return merchant.FreshKey{}, err
	}
	if fresh.Key.ExpiresAt = in.ExpiresAt; !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now) {
		return merchant.FreshKey{}, refund.Errorf(refund.KindInvalid, "expires_at", "expires_at is over")
	}
	if fresh.Key.Limits, err = checkLimits(in.Limits, in.Giver, now); err != nil {
		return merchant.FreshKey{}, err
	}
	if fresh.Key.MadeBy, err = a.makes(ctx, by); err != nil {
		return merchant.FreshKey{}, err
	}
	record.Write.Shows(fresh.Key.ID, fresh.Told())
	record = changed(record.With("dialect", in.Dialect).With("identity", identity).With("scopes", scopeText(fresh.Key.Scopes)), in.Settings, nil)
	record = boundedRecord(record, fresh.Key)
	if err := a.s.Store.AddKey(ctx, fresh, record); err != nil {
		return merchant.FreshKey{}, err
	}
	a.done(merchantID)
	return fresh, nil
}

// keyIdentity finds whose key it will be: outside of dialects without identities
// each is one identity's.
func (a *Admin) keyIdentity(ctx context.Context, merchantID string, known merchant.Dialect, named string) (string, error) {
	if known.Make == nil && named != "" {
		return "", refund.Errorf(refund.KindInvalid, "identity", "identity is none of the %s dialect, which has no identities", known.Name)
	}
	found, err := a.identityOf(ctx, merchantID, known, named)
	if err == nil && found == "" && known.Make != nil {
		err = refund.Errorf(refund.KindInvalid, "identity", "identity is required: the merchant has several in this dialect")
	}
	return found, err
}

func checkScopes(known merchant.Dialect, mode merchant.Mode, giver *merchant.Key, scopes []merchant.Scope) error {
	possible := known.Keys.PossibleScopes(mode)
	for _, scope := range scopes {
		switch {
		case !slices.Contains(possible, scope):
			return refund.Errorf(refund.KindInvalid, "scopes", "a key of dialect %s can't have %s in this mode", known.Name, scope)
		case giver != nil && !giver.May(scope):
			return refund.Errorf(refund.KindForbidden, "scopes", "the key lacks the scope %s and can't give it", scope)
		}
	}
	return nil
}

func scopeText(scopes []merchant.Scope) string {
	texts := make([]string, len(scopes))
	for n, scope := range scopes {
		texts[n] = string(scope)
	}
	return strings.Join(texts, " ")
}

// ExpireKey ends a key's life now, and returns it; one whose life is over is
// returned as it is. A key can't end its own life, so that nobody locks
// themselves out: KindStateConflict. Absent is KindNotFound.
func (a *Admin) ExpireKey(ctx context.Context, by By, merchantID, id string) (merchant.Key, error) {
	record, err := a.record(by, merchantID, "key.expire", id)
	switch {
	case err != nil:
		return merchant.Key{}, err
	case by.Actor == audit.ByKey(id):
		return merchant.Key{}, refund.Errorf(refund.KindStateConflict, "id", "a key can't end its own life; use another")
	}
	keys, err := a.s.Store.Keys(ctx, merchantID)
	if err != nil {
		return merchant.Key{}, err
	}
	at := slices.IndexFunc(keys, func(k merchant.Key) bool { return k.ID == id })
	if at < 0 {
		return merchant.Key{}, refund.Errorf(refund.KindNotFound, "id", "there is no such key")
	}
	key, now := keys[at], a.now()
	if !key.ExpiresAt.IsZero() && !key.ExpiresAt.After(now) {
		return key, nil
	}
	if err := a.s.Store.ExpireKey(ctx, merchantID, id, record, now); err != nil {
		return merchant.Key{}, err
	}
	a.done(merchantID)
	key.ExpiresAt = now
	return key, nil
}
