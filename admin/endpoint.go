package admin

import (
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Endpoints keeps the addresses that are notified of events.
type Endpoints interface {
	// AddEndpoint adds an endpoint and returns it, or the one in use that is
	// equal. KindStateConflict where the merchant's address in the dialect is
	// another endpoint; KindInvalid for too many.
	AddEndpoint(ctx context.Context, e merchant.Endpoint, record refund.Action, secrets ...merchant.EndpointSecret) (merchant.Endpoint, error)
	// Endpoints are all of a merchant's, disabled ones too, oldest first.
	Endpoints(ctx context.Context, merchantID string) ([]merchant.Endpoint, error)
	// DisableEndpoint stops an endpoint; one that is stopped stays as it is,
	// without a record. KindNotFound.
	DisableEndpoint(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) error
	// RotateEndpoint adds a secret; the others end at the given time. KindNotFound;
	// KindStateConflict while too many are in use.
	RotateEndpoint(ctx context.Context, merchantID, id string, fresh merchant.EndpointSecret, until time.Time, record refund.Action) error
	// EndpointSecrets are an endpoint's, opened, newest first. KindNotFound.
	EndpointSecrets(ctx context.Context, merchantID, id string) ([]merchant.EndpointSecret, error)
	// Identities are a merchant's, in every dialect.
	Identities(ctx context.Context, merchantID string) ([]merchant.Identity, error)
}

// Endpoint finds an endpoint of a merchant; absent is KindNotFound.
func (a *Admin) Endpoint(ctx context.Context, merchantID, id string) (merchant.Endpoint, error) {
	all, err := a.s.Store.Endpoints(ctx, merchantID)
	if err != nil {
		return merchant.Endpoint{}, err
	}
	at := slices.IndexFunc(all, func(e merchant.Endpoint) bool { return e.ID == id })
	if at < 0 {
		return merchant.Endpoint{}, refund.Errorf(refund.KindNotFound, "id", "there is no such endpoint")
	}
	return all[at], nil
}

// DisableEndpoint takes an endpoint out of use, and returns it: what was on its
// way there is dead. Again changes nothing. KindNotFound.
func (a *Admin) DisableEndpoint(ctx context.Context, by By, merchantID, id string) (merchant.Endpoint, error) {
	record, err := a.record(by, merchantID, "endpoint.disable", id)
	if err != nil {
		return merchant.Endpoint{}, err
	}
	if _, err := a.Endpoint(ctx, merchantID, id); err != nil {
		return merchant.Endpoint{}, err
	}
	if err := a.s.Store.DisableEndpoint(ctx, merchantID, id, record, a.now()); err != nil {
		return merchant.Endpoint{}, err
	}
	a.done(merchantID)
	return a.Endpoint(ctx, merchantID, id)
}

const (
	// DefaultSecretOverlap is how long an endpoint's old secrets sign beside a new
	// one: a day is enough to bring one to all receivers.
	DefaultSecretOverlap = 24 * time.Hour
	// MaxSecretOverlap is 30 days: longer, and the old secret is simply in use.
	MaxSecretOverlap = 30 * DefaultSecretOverlap
)

// RotateEndpoint adds a new secret to an endpoint and returns it; the old ones
// sign beside it until their time is over. KindNotFound; KindInvalid;
// KindStateConflict for an endpoint without secrets of its own.
func (a *Admin) RotateEndpoint(ctx context.Context, by By, merchantID, id string, overlap time.Duration) (merchant.Endpoint, string, error) {
	record, err := a.record(by, merchantID, "endpoint.rotate", id)
	if err != nil {
		return merchant.Endpoint{}, "", err
	}
	e, err := a.Endpoint(ctx, merchantID, id)
	known, _ := a.s.Dialects.Find(e.Dialect)
	switch {
	case err != nil:
		return merchant.Endpoint{}, "", err
	case !known.EndpointSecret || !e.DisabledAt.IsZero():
		return merchant.Endpoint{}, "", refund.Errorf(refund.KindStateConflict, "id", "only an endpoint of dialect native that is in use has a secret of its own")
	case overlap < 0 || overlap > MaxSecretOverlap:
		return merchant.Endpoint{}, "", refund.Errorf(refund.KindInvalid, "overlap", "overlap must be from 0 to %d days", int(MaxSecretOverlap/(24*time.Hour)))
	}
	fresh := merchant.NewEndpointSecret(a.now())
	record.Write.Shows(id, fresh.Text)
	if err := a.s.Store.RotateEndpoint(ctx, merchantID, id, fresh, a.now().Add(overlap), record.With("overlap", overlap.String())); err != nil {
		return merchant.Endpoint{}, "", err
	}
	a.done(merchantID)
	return e, fresh.Text, nil
}
