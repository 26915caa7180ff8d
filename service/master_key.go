package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store"
)

// masterSettle is for how long a value may still be sealed under the old master key
// after the rotation to a new one began: a transaction's longest time, and how long
// processes go by what they saw.
const masterSettle = 35 * time.Second

// NextMasterKey chooses from two keys the one to which RotateMasterKey goes: whatever
// their order, the one that is not the database's, which is current. wanted, unless
// "", is the id of the one that was named for it. Without, a key that the database had
// before is not gone back to, so that a rotation which is over may be run again: next
// is current then.
func NextMasterKey(ctx context.Context, s *store.Store, keys *secret.Keyring, wanted string) (current, next string, err error) {
	current, replaced, err := s.MasterKeys(ctx)
	if err != nil {
		return "", "", err
	}
	under, err := s.NextMasterKey(ctx)
	if err != nil {
		return "", "", err
	}
	ids := keys.IDs()
	at := slices.Index(ids, current)
	switch {
	case len(ids) != 2:
		return "", "", fmt.Errorf("%d master keys are given, and a rotation needs two: the database's, %s, and the new one", len(ids), current)
	case ids[0] == ids[1]:
		return "", "", fmt.Errorf("both master keys that are given are the same, %s: a rotation needs the database's, %s, and a new one", ids[0], current)
	case at < 0:
		return "", "", fmt.Errorf("%w: the database's is %s, and those given are %s and %s", secret.ErrOtherKey, current, ids[0], ids[1])
	}
	switch next = ids[1-at]; {
	case wanted != "":
		next = wanted
	case under != "":
		next = under
	case slices.Contains(replaced, next):
		next = current
	}
	return current, next, nil
}

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
