package service

import (
	"context"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// masterSettle is for how long a value may still be sealed under the old master key
// after the rotation to a new one began: a transaction's longest time, and how long
// processes go by what they saw.
const masterSettle = 35 * time.Second

// RotateMasterKey seals everything that is sealed under the master key with an id,
// which the store's keyring has, and makes that the database's. Processes that serve
// go on meanwhile, if they know both keys. It may be ended anywhere and run again.
// told is called with how many values have been sealed anew.
func RotateMasterKey(ctx context.Context, s *store.Store, by admin.By, key string, told func(done int64) error) (done int64, err error) {
	record := func(action string) error {
		r := audit.New(by.Actor, "", action, key, time.Now())
		r.RequestID = by.RequestID
		return s.AddRecord(ctx, refund.Action{Record: r})
	}
	if err := record("master_key.rotate.begin"); err != nil {
		return 0, err
	}
	if done, err = s.RotateMasterKey(ctx, key, masterSettle, told); err != nil {
		return done, err
	}
	return done, record("master_key.rotate")
}
