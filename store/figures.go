package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/wire/pemkey"
)

// maxCounted bounds how many rows one figure counts: a count that has reached it
// says "at least". A look at as many rows of an index takes some tens of
// milliseconds, however many there are.
const maxCounted = 100_000

// maxCertificates bounds the certificates that one look parses, oldest first.
const maxCertificates = 2000

// The stages of an open refund, as Figures groups them.
const (
	StageHeld     = "held"     // waits for its charge's turn, for funds or for a person
	StageAccepted = "accepted" // is on disk and was not sent
	StagePending  = "pending"  // is at its channel
	StageUnknown  = "unknown"  // may be at its channel: a call got no answer
	StageAbnormal = "abnormal" // can't reach the payer's account
)

// Stages are all stages of open refunds.
var Stages = []string{StageHeld, StageAccepted, StagePending, StageUnknown, StageAbnormal}

// OpenRefunds are the open refunds of one channel in one state and stage.
type OpenRefunds struct {
	// Channel is the driver's name, "" where no channel account is known.
	Channel, State, Stage string
	Count                 int64
	// Oldest is when the oldest of them was accepted.
	Oldest time.Time
}

// AccountCount is how many channel accounts of a channel are in a state: active,
// paused (by itself or by a pause of its merchant, channel or installation) or
// closed.
type AccountCount struct {
	Channel, State string
	Count          int64
}

// Figures are what a process's metrics show of the database, of all merchants
// together. Counts are at most 100,000; then there are at least as many.
type Figures struct {
	Open     []OpenRefunds
	Accounts []AccountCount
	// NeedPerson are open refunds of which only a person can find out what became.
	NeedPerson int64
	// NewEvents wait for their numbers in the feed; OldestEvent is since when.
	NewEvents   int64
	OldestEvent time.Time
	// DueDeliveries wait for a process that sends them, WaitingDeliveries for their
	// next try, DeadDeliveries were given up; OldestDelivery is since when the first
	// of those that are due is.
	DueDeliveries, WaitingDeliveries, DeadDeliveries int64
	OldestDelivery                                   time.Time
	// OpenAlerts have not been looked at.
	OpenAlerts int64
	// NoticesWaiting are kept notices of channels that wait for their charge,
	// NoticesAside those that wait for a person.
	NoticesWaiting, NoticesAside int64
	// Pauses are in force, those of single accounts among them.
	Pauses int64
}

// openRefunds reads the index of due refunds only, oldest due time first, and at
// most a bounded number of rows. Who is not routed yet has no account.
const openRefunds = `SELECT COALESCE(a.connector, ''), s.state, s.stage, COUNT(*), MIN(s.created_at) FROM (
		SELECT r.merchant_id, r.channel_account, r.state, r.created_at, CASE
			WHEN r.state = 'held' THEN '` + StageHeld + `' WHEN r.state = 'abnormal' THEN '` + StageAbnormal + `'
			WHEN (r.doubt & 1) <> 0 THEN '` + StageUnknown + `'
			WHEN r.submitted_at = 0 THEN '` + StageAccepted + `' ELSE '` + StagePending + `' END AS stage
		FROM refunds r WHERE r.due_at > 0 AND r.state IN ('held', 'created', 'pending', 'abnormal') ORDER BY r.due_at LIMIT $1
	) s LEFT JOIN channel_accounts a ON a.merchant_id = s.merchant_id AND a.id = s.channel_account
	GROUP BY COALESCE(a.connector, ''), s.state, s.stage ORDER BY 1, 2, 3`

const accountCounts = `SELECT s.connector, s.state, COUNT(*) FROM (
		SELECT a.connector, CASE WHEN a.state = 'closed' THEN 'closed' WHEN ` + paused + ` THEN 'paused' ELSE 'active' END AS state FROM channel_accounts a
	) s GROUP BY s.connector, s.state ORDER BY 1, 2`

// boundedCounts are the statements of counts, each of one index and at most $1 rows.
func boundedCounts(f *Figures, now time.Time) []struct {
	text string
	args []any
	into *int64
} {
	counted := func(from string) string { return `SELECT COUNT(*) FROM (SELECT 1 FROM ` + from + ` LIMIT $1) c` }
	most, at := int64(maxCounted), sqldb.Micros(now)
	return []struct {
		text string
		args []any
		into *int64
	}{
		{counted(`refunds r WHERE (r.doubt & 16) <> 0`), []any{most}, &f.NeedPerson}, // as the index refunds_needs_person says it
		{counted(`events e WHERE e.feed_number = 0`), []any{most}, &f.NewEvents},
		{counted(`deliveries d WHERE d.due_at > 0 AND d.due_at <= $2`), []any{most, at}, &f.DueDeliveries},
		{counted(`deliveries d WHERE d.due_at > 0 AND d.due_at > $2`), []any{most, at}, &f.WaitingDeliveries},
		{counted(`deliveries d WHERE d.state = 'dead' AND d.replayed_at = 0`), []any{most}, &f.DeadDeliveries},
		{counted(`alerts a WHERE a.acked_at = 0`), []any{most}, &f.OpenAlerts},
		{counted(`channel_notices n WHERE n.state = 'waiting'`), []any{most}, &f.NoticesWaiting},
		{counted(`channel_notices n WHERE n.state = 'set_aside'`), []any{most}, &f.NoticesAside},
	}
}

// Figures counts what waits, across merchants and without locks. It reads indexes
// of what is open, so that it costs the same whether thousands of refunds or
// millions have ended.
func (s *Store) Figures(ctx context.Context, now time.Time) (Figures, error) {
	var f Figures
	err := s.Read(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, openRefunds, []any{int64(maxCounted)}, func(scan func(...any) error) error {
			var one OpenRefunds
			var oldest int64
			err := scan(&one.Channel, &one.State, &one.Stage, &one.Count, &oldest)
			one.Oldest = sqldb.FromMicros(oldest)
			f.Open = append(f.Open, one)
			return err
		})
		if err != nil {
			return err
		}
		err = q.Query(ctx, accountCounts, nil, func(scan func(...any) error) error {
			var one AccountCount
			err := scan(&one.Channel, &one.State, &one.Count)
			f.Accounts = append(f.Accounts, one)
			return err
		})
		for _, one := range boundedCounts(&f, now) {
			if err == nil {
				err = q.Query(ctx, one.text, one.args, func(scan func(...any) error) error { return scan(one.into) })
			}
		}
		return err
	})
	if err == nil {
		f.OldestEvent, err = s.OldestNewEvent(ctx)
	}
	if err == nil {
		f.OldestDelivery, err = s.OldestDueDelivery(ctx, now)
	}
	if err == nil {
		f.Pauses, err = s.PausesInForce(ctx)
	}
	if err != nil {
		return Figures{}, fmt.Errorf("read figures: %w", err)
	}
	return f, nil
}

// Expiries are when what is in use ends first, by what it is; a kind of which
// nothing ends is not there.
type Expiries map[string]time.Time

// What Expiries are about.
const (
	ExpiresAPIKey              = "api_key"
	ExpiresPlatformKey         = "platform_key"
	ExpiresPlatformCertificate = "platform_certificate"
	ExpiresChannelCertificate  = "channel_certificate"
)

func (e Expiries) note(what string, at time.Time) {
	if was, there := e[what]; !at.IsZero() && (!there || at.Before(was)) {
		e[what] = at
	}
}

// Expiries finds what ends first of API keys, platform keys that are to be retired,
// platform certificates in use and certificates of channel accounts that are not
// closed. It reads tables of merchants' settings, which have no row for a refund.
func (s *Store) Expiries(ctx context.Context, now time.Time) (Expiries, error) {
	found, at := make(Expiries), sqldb.Micros(now)
	err := s.Read(ctx, func(q sqldb.Querier) error {
		for what, text := range map[string]string{
			ExpiresAPIKey: `SELECT COALESCE(MIN(k.expires_at), 0) FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
				WHERE k.expires_at > $1 AND m.disabled_at = 0`,
			ExpiresPlatformKey: `SELECT COALESCE(MIN(k.expires_at), 0) FROM platform_keys k WHERE k.expires_at > $1`,
		} {
			var first int64
			if err := q.Query(ctx, text, []any{at}, func(scan func(...any) error) error { return scan(&first) }); err != nil {
				return err
			}
			found.note(what, sqldb.FromMicros(first))
		}
		for _, one := range []struct {
			what, text string
			args       []any
		}{
			{ExpiresPlatformCertificate, `SELECT k.certificate FROM platform_keys k WHERE k.certificate <> '' AND (k.expires_at = 0 OR k.expires_at > $1)
				ORDER BY k.created_at LIMIT $2`, []any{at, int64(maxCertificates)}},
			{ExpiresChannelCertificate, `SELECT a.settings FROM channel_accounts a WHERE a.state <> 'closed' AND a.settings LIKE '%-----BEGIN CERTIFICATE%'
				ORDER BY a.merchant_id, a.created_at LIMIT $1`, []any{int64(maxCertificates)}},
		} {
			err := q.Query(ctx, one.text, one.args, func(scan func(...any) error) error {
				var text string
				if err := scan(&text); err != nil {
					return err
				}
				if !strings.HasPrefix(text, "{") {
					found.note(one.what, pemkey.ValidUntil(text))
					return nil
				}
				var settings map[string]string
				if fromJSON(text, &settings) != nil {
					return nil // whoever opens the account finds that out
				}
				for _, value := range settings {
					found.note(one.what, pemkey.ValidUntil(value))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read expiries: %w", err)
	}
	return found, nil
}
