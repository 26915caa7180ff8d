package sim_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/webhook"
)

// What the database takes in simulated time, as a PostgreSQL near by does: the
// real one below takes none.
const (
	readTime   = 300 * time.Microsecond
	commitTime = 2 * time.Millisecond
	rowTime    = 100 * time.Microsecond
)

const (
	// lockTime is how long a transaction waits for a row that another session holds.
	lockTime = 300 * time.Millisecond
	// knownTime is how long the store remembers that one did, and does not wait
	// again.
	knownTime = 2 * time.Second
)

// errLocked is what the store makes of the lock's time-out.
func errLocked() error {
	fault := refund.Errorf(refund.KindBusy, "", "locked by the simulation")
	fault.Cause = refund.ErrLocked
	return fault
}

// database is the store with the time that a database takes, and with charges that
// other sessions hold: a transaction that needs one waits and ends with nothing
// done. Its waits stand outside the real transaction, because on PostgreSQL, where
// there are such sessions, others go on meanwhile.
type database struct {
	held func(merchantID string) bool // whether the merchant's charges are held now
	// recorded is told each refund that an outcome was recorded of.
	recorded func(refund.Refund)

	mu    sync.Mutex
	known map[string]time.Time // merchants whose charges are known to be held, until
}

// knows reports whether a merchant's charges are known to be held. If not, it waits
// for them, in vain.
func (d *database) knows(merchantID string) bool {
	d.mu.Lock()
	known := d.known[merchantID].After(time.Now())
	d.mu.Unlock()
	if !known {
		time.Sleep(lockTime)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[merchantID] = time.Now().Add(knownTime)
	return known
}

func (d *database) wrap(s service.Stores) service.Stores {
	return service.Stores{
		Intake:  intakeStore{s.Intake, d},
		Engine:  engineStore{s.Engine, d},
		Webhook: webhookStore{s.Webhook, d},
	}
}

func took(rows int) { time.Sleep(commitTime + time.Duration(rows)*rowTime) }

type intakeStore struct {
	intake.Store
	database *database
}

func (s intakeStore) InTx(ctx context.Context, work func(intake.Tx) error) error {
	rows := 0
	err := s.Store.InTx(ctx, func(tx intake.Tx) error {
		rows = 0
		return work(intakeTx{tx, s.database, &rows})
	})
	if errors.Is(err, refund.ErrLocked) {
		time.Sleep(lockTime)
	}
	took(rows)
	return err
}

type intakeTx struct {
	intake.Tx
	database *database
	rows     *int
}

func (t intakeTx) LockCharges(ctx context.Context, keys []refund.ChargeKey) (map[refund.ChargeKey]refund.Charge, error) {
	for _, key := range keys {
		if t.database.held(key.MerchantID) {
			return nil, errLocked()
		}
	}
	return t.Tx.LockCharges(ctx, keys)
}

func (t intakeTx) FreeCharges(ctx context.Context, keys []refund.ChargeKey) (free map[refund.ChargeKey]refund.Charge, held map[refund.ChargeKey]bool, err error) {
	free, held, err = t.Tx.FreeCharges(ctx, keys)
	for key := range free {
		if t.database.held(key.MerchantID) {
			held[key] = true
			delete(free, key)
		}
	}
	return free, held, err
}

func (t intakeTx) Insert(ctx context.Context, changes []refund.Change) error {
	for _, change := range changes {
		*t.rows += len(change.Refunds)
	}
	return t.Tx.Insert(ctx, changes)
}

type engineStore struct {
	engine.Store
	database *database
}

func (s engineStore) DueRefunds(ctx context.Context, now time.Time, limit int) ([]refund.Due, error) {
	time.Sleep(readTime)
	return s.Store.DueRefunds(ctx, now, limit)
}

func (s engineStore) DueOf(ctx context.Context, now time.Time, asks []refund.DueAsk) ([]refund.Due, error) {
	time.Sleep(readTime)
	return s.Store.DueOf(ctx, now, asks)
}

func (s engineStore) ClaimRefunds(ctx context.Context, due []refund.Due, now, until time.Time) ([]refund.Claimed, []refund.Apart, error) {
	took(len(due))
	return s.Store.ClaimRefunds(ctx, due, now, until)
}

func (s engineStore) Record(ctx context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	var free []refund.Report
	var at []int // their places
	for n, report := range reports {
		switch {
		case !s.database.held(report.MerchantID):
			free, at = append(free, report), append(at, n)
		case wait && !s.database.knows(report.MerchantID):
			return nil, errLocked()
		}
	}
	recorded, err := s.Store.Record(ctx, free, wait, decide)
	took(len(free))
	if err != nil {
		return nil, err
	}
	posted := make([]refund.Posted, len(reports))
	for n := range posted {
		posted[n].Held = true
	}
	for n, p := range recorded {
		posted[at[n]] = p
		s.database.recorded(p.Refund)
	}
	return posted, nil
}

type webhookStore struct {
	webhook.Store
	database *database
}

func (s webhookStore) News(ctx context.Context, merchantID string, limit int) (webhook.News, error) {
	time.Sleep(readTime)
	return s.Store.News(ctx, merchantID, limit)
}

func (s webhookStore) FanOut(ctx context.Context, news webhook.News, deliveries []merchant.Delivery) (bool, error) {
	took(len(news.Events) + len(deliveries))
	return s.Store.FanOut(ctx, news, deliveries)
}

func (s webhookStore) ClaimDeliveries(ctx context.Context, keys []merchant.DeliveryKey, now, until time.Time) ([]merchant.Delivery, error) {
	took(len(keys))
	return s.Store.ClaimDeliveries(ctx, keys, now, until)
}

func (s webhookStore) SaveAttempts(ctx context.Context, attempts []merchant.DeliveryAttempt) (held []int, err error) {
	took(len(attempts))
	return s.Store.SaveAttempts(ctx, attempts)
}
