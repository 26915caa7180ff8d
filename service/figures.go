package service

import (
	"context"
	"time"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/telemetry"
)

const (
	// figuresInterval is how often what waits in the database is counted; a scrape
	// shows what was counted last. figuresShare bounds what it may take of one
	// connection's time: it is waited for so many times as long as a count took.
	figuresInterval = 5 * time.Second
	figuresShare    = 50
	// figuresTimeout bounds one count: it must not hang where the database does.
	figuresTimeout = 10 * time.Second
	// expiriesInterval is how often certificates and keys are looked at.
	expiriesInterval = 10 * time.Minute
)

// figures are the metrics that are counted in the database.
type figures struct {
	metrics  *telemetry.Metrics
	open     *telemetry.Family
	oldest   *telemetry.Family
	accounts *telemetry.Family
	notices  *telemetry.Family
	single   map[string]*telemetry.Family
	// expiries is when certificates and keys are looked at next.
	expiries time.Time
}

// singleFigures are the families without labels, with how each is read.
var singleFigures = []struct {
	name, help string
	read       func(f store.Figures, now time.Time) float64
}{
	{"refunds_need_person", "Open refunds of which only a person can find out what became of them.", func(f store.Figures, _ time.Time) float64 { return float64(f.NeedPerson) }},
	{"feed_new_events", "Events that wait for their number in the feed and for their deliveries.", func(f store.Figures, _ time.Time) float64 { return float64(f.NewEvents) }},
	{"webhook_oldest_event_seconds", "How long the oldest event has waited for its number and its deliveries.", func(f store.Figures, now time.Time) float64 { return age(f.OldestEvent, now) }},
	{"webhook_due_deliveries", "Deliveries that are due and not yet taken by a process.", func(f store.Figures, _ time.Time) float64 { return float64(f.DueDeliveries) }},
	{"webhook_waiting_deliveries", "Deliveries that wait for their next try.", func(f store.Figures, _ time.Time) float64 { return float64(f.WaitingDeliveries) }},
	{"webhook_dead_deliveries", "Deliveries that were given up.", func(f store.Figures, _ time.Time) float64 { return float64(f.DeadDeliveries) }},
	{"webhook_oldest_due_seconds", "How long the oldest due delivery has waited to be claimed.", func(f store.Figures, now time.Time) float64 { return age(f.OldestDelivery, now) }},
	{"alerts_open", "Alerts that nobody has looked at.", func(f store.Figures, _ time.Time) float64 { return float64(f.OpenAlerts) }},
	{"pauses", "Pauses in force: of the installation, of channels, of merchants and of single accounts.", func(f store.Figures, _ time.Time) float64 { return float64(f.Pauses) }},
	{"figures_timestamp_seconds", "When the numbers that are counted in the database were counted last, as a Unix time.", func(_ store.Figures, now time.Time) float64 { return float64(now.Unix()) }},
}

// auditFigures are how the live auditor, of whichever process, stands.
var auditFigures = []struct {
	name, help string
	read       func(a store.LiveAudit) float64
}{
	{"audit_findings", "Rows that break an invariant, by the live auditor: the most of its round and the one before.", func(a store.LiveAudit) float64 { return float64(max(a.Found, a.LastFound)) }},
	{"audit_moved_timestamp_seconds", "When the live auditor last read something, as a Unix time; 0 for never.", func(a store.LiveAudit) float64 { return unix(a.Moved) }},
	{"audit_round_seconds", "How long the live auditor's last whole round took; 0 before the first has ended.", func(a store.LiveAudit) float64 { return a.LastTook.Seconds() }},
}

func unix(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix())
}

func (f *figures) showAudit(a store.LiveAudit) {
	for _, one := range auditFigures {
		f.single[one.name].Show(one.read(a))
	}
}

func newFigures(m *telemetry.Metrics) *figures {
	f := &figures{metrics: m, single: make(map[string]*telemetry.Family)}
	f.open = m.Family("refunds_open", "Open refunds by channel and state.", "channel", "state")
	f.oldest = m.Family("refunds_oldest_seconds", "How long ago the oldest open refund of a stage was accepted: held, accepted (not sent), pending, unknown, abnormal.", "channel", "stage")
	f.accounts = m.Family("channel_accounts", "Channel accounts by channel and state: active, paused (also by a wider pause), closed.", "channel", "state")
	f.notices = m.Family("notices_kept", "Notices of channels that named no refund of ours: waiting, or set aside for a person.", "state")
	for _, one := range singleFigures {
		f.single[one.name] = m.Family(one.name, one.help)
	}
	for _, one := range auditFigures {
		f.single[one.name] = m.Family(one.name, one.help)
	}
	return f
}

// age is how many seconds are over since a time; 0 where it is zero.
func age(since, now time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, now.Sub(since).Seconds())
}

// show takes over what was counted.
func (f *figures) show(counted store.Figures, now time.Time) {
	type label struct{ channel, name string }
	open, oldest := make(map[label]float64), make(map[label]float64)
	var order, stages []label
	for _, one := range counted.Open {
		at := label{channelLabel(one.Channel), one.State}
		if _, there := open[at]; !there {
			order = append(order, at)
		}
		open[at] += float64(one.Count)
		stage := label{at.channel, one.Stage}
		if _, there := oldest[stage]; !there {
			stages = append(stages, stage)
		}
		oldest[stage] = max(oldest[stage], age(one.Oldest, now))
	}
	samples := func(order []label, of map[label]float64) (all []telemetry.Sample) {
		for _, at := range order {
			all = append(all, telemetry.Sample{Value: of[at], Labels: []string{at.channel, at.name}})
		}
		return all
	}
	f.open.Set(samples(order, open)...)
	f.oldest.Set(samples(stages, oldest)...)
	var accounts []telemetry.Sample
	for _, one := range counted.Accounts {
		accounts = append(accounts, telemetry.Sample{Value: float64(one.Count), Labels: []string{one.Channel, one.State}})
	}
	f.accounts.Set(accounts...)
	f.notices.Set(
		telemetry.Sample{Value: float64(counted.NoticesWaiting), Labels: []string{"waiting"}},
		telemetry.Sample{Value: float64(counted.NoticesAside), Labels: []string{"set_aside"}},
	)
	for _, one := range singleFigures {
		f.single[one.name].Show(one.read(counted, now))
	}
}

// unknown says that nothing could be counted. When that was last stays as it is.
func (f *figures) unknown() {
	for _, family := range []*telemetry.Family{f.open, f.oldest, f.accounts, f.notices} {
		family.Unknown()
	}
	for name, family := range f.single {
		if name != "figures_timestamp_seconds" {
			family.Unknown()
		}
	}
}

// channelLabel is a channel's name as a label; an empty one would be none.
func channelLabel(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

// StepFigures counts what waits in the database for the metrics. Between two calls
// it wants some seconds.
func (s *Service) StepFigures(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, figuresTimeout)
	defer cancel()
	now := s.now()
	counted, err := s.Store.Figures(ctx, now)
	if err != nil {
		s.figures.unknown()
		return err
	}
	audited, err := s.Store.ReadLiveAudit(ctx)
	if err != nil {
		s.figures.unknown()
		return err
	}
	s.figures.show(counted, now)
	s.figures.showAudit(audited)
	if now.Before(s.figures.expiries) {
		return nil
	}
	found, err := s.Store.Expiries(ctx, now)
	if err != nil {
		return err
	}
	for _, what := range []string{store.ExpiresAPIKey, store.ExpiresPlatformKey, store.ExpiresPlatformCertificate, store.ExpiresChannelCertificate} {
		s.figures.metrics.Expires(what, found[what])
	}
	s.figures.expiries = now.Add(expiriesInterval)
	return nil
}

// countFigures counts until ctx ends.
func (s *Service) countFigures(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		if err := s.StepFigures(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.WarnContext(ctx, "what waits in the database could not be counted for the metrics; it is tried again", "error", err)
		}
		timer.Reset(max(figuresInterval, figuresShare*time.Since(began)))
	}
}

// observeAudit shows what this process's live auditor has read, and how far its clock
// is from the database's.
func (s *Service) observeAudit() {
	s.opts.Metrics.Counter("audit_charges_total", "Charges whose invariants the live auditor derived again.", func() float64 { return float64(s.auditCounts.charges.Load()) })
	s.opts.Metrics.Counter("audit_passed_over_total", "Charges that have too many refunds for the live auditor.", func() float64 { return float64(s.auditCounts.passed.Load()) })
	s.opts.Metrics.Gauge("clock_offset_seconds", "How far the database's clock is ahead of this machine's; 0 on SQLite.", func() float64 {
		return time.Duration(s.clock.offset.Load()).Seconds()
	})
}

// observeDatabase shows what becomes of connections and transactions.
func (s *Service) observeDatabase() {
	m := s.opts.Metrics
	gauge := func(name, help string, read func(sqldb.Stats) float64) {
		m.Gauge(name, help, func() float64 { return read(s.Store.Stats()) })
	}
	counter := func(name, help string, read func(sqldb.Stats) float64) {
		m.Counter(name, help, func() float64 { return read(s.Store.Stats()) })
	}
	m.Gauge("database_usable", "1 while the database can be used, 0 while it can't.", func() float64 {
		if s.Store.Down() != nil {
			return 0
		}
		return 1
	})
	gauge("database_connections_in_use", "Connections that work; on SQLite the one that writes.", func(d sqldb.Stats) float64 { return float64(d.InUse) })
	gauge("database_connections_idle", "Connections that wait for work.", func(d sqldb.Stats) float64 { return float64(d.Idle) })
	gauge("database_connections_max", "Connections that there may be.", func(d sqldb.Stats) float64 { return float64(d.Max) })
	gauge("database_writers_waiting", "Transactions that wait for their turn to write (SQLite).", func(d sqldb.Stats) float64 { return float64(d.Queued) })
	counter("database_connection_waits_total", "How often a connection had to be waited for.", func(d sqldb.Stats) float64 { return float64(d.Waits) })
	counter("database_connection_wait_seconds_total", "How long connections were waited for, together.", func(d sqldb.Stats) float64 { return d.Waited.Seconds() })
	for _, one := range []struct{ why, name, help string }{
		{sqldb.FailedUnknown, "database_commits_unknown_total", "Transactions whose connection broke during COMMIT, so that nobody knows whether they happened."},
		{sqldb.FailedUnavailable, "database_unavailable_total", "Transactions that failed because the database could not be used."},
		{sqldb.FailedLocked, "database_lock_timeouts_total", "Transactions that gave up on a row that another transaction held."},
		{sqldb.FailedRepeated, "database_deadlocks_total", "Transactions that failed after deadlocks or a busy file, again and again."},
	} {
		counter(one.name, one.help, func(d sqldb.Stats) float64 { return float64(d.Failed[one.why]) })
	}
}
