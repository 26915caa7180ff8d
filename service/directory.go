package service

import (
	"context"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/telemetry"
)

// directory notes who was found, so that the lines of a request's log say
// whose it is. A merchant who was found by a name alone is not proved yet:
// where the proof fails, the request's status says so.
type directory struct{ dialect.Directory }

func (d directory) Caller(ctx context.Context, name, key string) (merchant.Caller, error) {
	found, err := d.Directory.Caller(ctx, name, key)
	if err != nil {
		return found, err
	}
	telemetry.NoteCaller(ctx, found.Merchant.ID, found.Key.ID)
	if err := dialect.CheckAddress(ctx, found.Key); err != nil {
		return merchant.Caller{}, err
	}
	return found, nil
}

func (d directory) Identity(ctx context.Context, name, identity string) (merchant.Merchant, merchant.Identity, error) {
	m, found, err := d.Directory.Identity(ctx, name, identity)
	if err == nil {
		telemetry.NoteCaller(ctx, m.ID, "")
	}
	return m, found, err
}
