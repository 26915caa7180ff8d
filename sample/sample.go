// Package sample fills a test database with a month of a shop as a merchant of
// its own, named sample: charges and refunds of every kind and end, webhooks that
// arrived or died, an approval and a file of refunds that wait. It is made by the
// service itself under a clock that moves, so that every row is as the product
// makes it.
package sample

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// Name is the merchant's.
const Name = "sample"

// Options of a sample. Database and Data are as of a service.
type Options struct {
	Database, Data, MasterKey string
	// Days is how many days before Now it begins, from 1 to 90.
	Days int
	// Seed decides everything that happens; the merchant's id, its keys and secrets are
	// random all the same.
	Seed uint64
	// Now is when it ends; default time.Now.
	Now func() time.Time
	Log *slog.Logger
	// Progress, if not nil, is called after each hour.
	Progress func(hour, hours int)
}

// Report is what was made.
type Report struct {
	MerchantID string `json:"merchant"`
	// There says that the merchant was there already, and that nothing was done.
	There    bool `json:"there"`
	Charges  int  `json:"charges"`
	Refunds  int  `json:"refunds"`
	Refused  int  `json:"refused"`
	Webhooks int  `json:"webhooks"`
}

// MaxDays bounds a sample: it takes about a second for four days.
const MaxDays = 90

// Load makes the sample, or says that it is there. The database must have no live
// merchant, and nothing of other merchants that waits to be sent: the sample's
// clock would do it at other times than theirs. No other process may use it
// meanwhile.
func Load(ctx context.Context, opts Options) (Report, error) {
	if opts.Days < 1 || opts.Days > MaxDays {
		return Report{}, fmt.Errorf("a sample has 1 to %d days", MaxDays)
	}
	if there, err := before(ctx, opts.Database); err != nil || there != "" {
		return Report{MerchantID: there, There: there != ""}, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	now := opts.Now().UTC().Truncate(time.Hour)
	m := &month{opts: opts, end: opts.Now().UTC().Truncate(time.Microsecond).Add(-time.Minute), random: newRandom(opts.Seed)}
	m.hooks = rand.New(rand.NewPCG(opts.Seed, 31)) //nolint:gosec // it is to be the same again
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], opts.Seed)
	defer refund.IDsFrom(rand.NewChaCha8(seed))() // they decide what comes first of what happens at once
	m.clock = &clock{now: now.AddDate(0, 0, -opts.Days)}
	m.began = m.clock.now
	s, err := service.Start(ctx, service.Options{
		Database: opts.Database, Data: opts.Data, MasterKey: opts.MasterKey, Now: m.clock.Now, Log: opts.Log,
		Simulated: service.Simulated{Stepped: true, Receivers: m},
	})
	if err != nil {
		return Report{}, err
	}
	defer s.Abandon()
	m.service = s
	if err := m.check(ctx); err != nil {
		return m.report, err
	}
	err = m.make(ctx)
	return m.report, err
}

// before looks at a database that is there, before anything is changed: it must
// have no live merchant, and may have the sample already, whose id is returned.
func before(ctx context.Context, database string) (there string, err error) {
	if name, sqlite := service.SQLiteFile(database); sqlite {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
	}
	s, err := service.OpenStore(ctx, database, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	defer s.Close()
	current, known, err := s.Schema(ctx)
	if err != nil || current == 0 {
		return "", err
	}
	live, err := s.HasLiveMerchant(ctx)
	switch {
	case err != nil:
		return "", err
	case live:
		return "", errors.New("this database has a live merchant, and a sample is for tests (hint: give it a database of its own)")
	case current < known:
		return "", nil // what it has is looked for when it is migrated
	}
	return find(ctx, s)
}

// find returns the id of the sample, "" where it is not there.
func find(ctx context.Context, s *store.Store) (string, error) {
	all, err := s.Merchants(ctx)
	for _, one := range all {
		if one.Name == Name {
			return one.ID, ended(ctx, s, one.ID)
		}
	}
	return "", err
}

// ended reports an error for a sample that was not made to its end.
func ended(ctx context.Context, s *store.Store, merchantID string) error {
	jobs, _, err := s.BulkJobs(ctx, merchantID, refund.Page{Limit: 100})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Name == waitingName {
			return nil
		}
	}
	return errors.New("a sample was begun in this database and not made to its end (hint: take a new database)")
}

// check refuses a database in which the sample's clock would do what other
// merchants have waiting.
func (m *month) check(ctx context.Context) error {
	waits, err := m.service.Store.Conditions(ctx, m.clock.now)
	if err != nil {
		return err
	}
	for id, c := range waits {
		open := int64(0)
		for _, n := range c.Open {
			open += n
		}
		if open+c.WaitingDeliveries+c.NewEvents > 0 {
			return fmt.Errorf("merchant %s has refunds or notifications that wait, which a sample's clock would disturb (hint: let a serve finish them and stop it, or give the sample a database of its own)", id)
		}
	}
	if there, err := find(ctx, m.service.Store); err != nil || there != "" {
		return errors.Join(err, errors.New("the sample is there (hint: run it again)"))
	}
	return nil
}

// clock stands until it is moved.
type clock struct{ now time.Time }

// Now is the time.
func (c *clock) Now() time.Time { return c.now }

// to moves the clock ahead.
func (c *clock) to(at time.Time) {
	if at = at.Truncate(time.Microsecond); at.After(c.now) {
		c.now = at
	}
}
