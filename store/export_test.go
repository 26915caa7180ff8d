package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/migration"
	"github.com/refundry/refundry/store/sqldb"
)

// Texts runs a query that gives one text a row, so that tests see what a table
// holds.
func (s *Store) Texts(ctx context.Context, text string, args ...any) ([]string, error) {
	var out []string
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			var one string
			err := scan(&one)
			out = append(out, one)
			return err
		})
	})
	return out, err
}

// Exec runs a statement that no method has.
func (s *Store) Exec(ctx context.Context, text string, args ...any) error {
	return s.write(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, text, args...)
		return err
	})
}

// WriteAudit writes an audit record in a transaction of its own, together with
// a statement that is its effect; "" is none.
func (s *Store) WriteAudit(ctx context.Context, r audit.Record, effect string) error {
	return s.write(ctx, func(q sqldb.Querier) error {
		if effect != "" {
			if _, err := q.Exec(ctx, effect); err != nil {
				return err
			}
		}
		return s.appendAudit(ctx, q, r)
	})
}

// WriteLate writes a transfer of a change that was decided at a time.
func (s *Store) WriteLate(ctx context.Context, merchantID, id string, at time.Time) error {
	change := refund.Change{Charge: refund.Charge{MerchantID: merchantID, UpdatedAt: at}, Transfers: make([]refund.Transfer, 1)}
	return s.write(ctx, func(q sqldb.Querier) error {
		if err := s.uncarry(ctx, q, []refund.Change{change}); err != nil {
			return err
		}
		_, err := q.Exec(ctx, insertTransfers+` ($1, $2, $3, 're', 'ch', 'reserve', 'merchant.available', 'refund.reserved', 1, 'CNY')`, merchantID, sqldb.Micros(at), id)
		return err
	})
}

// MigrateDownTo takes migrations back, to the schema of an older version.
func (s *Store) MigrateDownTo(ctx context.Context, version int64) error {
	return s.db.Migrations(ctx, migration.Files, func(provider *goose.Provider) error {
		_, err := provider.DownTo(ctx, version)
		return err
	})
}

// ForgetRecent has the next fan-out read everything from the database.
func (s *Store) ForgetRecent() { s.recent.young, s.recent.old = nil, nil }

// SearchPlan returns how the database would search for what a number means: a
// line for each step.
func (s *Store) SearchPlan(ctx context.Context, merchantID, number string, ids []string) (lines []string, err error) {
	_, one := searched(named, merchantID, number, ids, refund.Page{Limit: 20})
	return s.plan(ctx, one)
}

// ListPlan is SearchPlan for a page of refunds, and ChargePlan for one of charges.
func (s *Store) ListPlan(ctx context.Context, f refund.Filter) ([]string, error) {
	_, one := listedRefunds(f)
	return s.plan(ctx, one)
}

func (s *Store) ChargePlan(ctx context.Context, f refund.ChargeFilter) ([]string, error) {
	l := newListing(`SELECT `+chargeColumns+` FROM charges c WHERE c.merchant_id = $1`, "c", f.MerchantID, f.Page)
	filterCharges(l, f)
	return s.plan(ctx, l.end())
}

// DeliveryPlan is ListPlan for a page of deliveries.
func (s *Store) DeliveryPlan(ctx context.Context, f merchant.DeliveryFilter, page refund.Page) ([]string, error) {
	return s.plan(ctx, listedDeliveries(f, page).end())
}

// NoticePlan is ListPlan for the notices of a refund.
func (s *Store) NoticePlan(ctx context.Context, r refund.Refund) ([]string, error) {
	return s.plan(ctx, sqldb.Statement{SQL: refundNotices, Args: noticesOf(r)})
}

func (s *Store) plan(ctx context.Context, one sqldb.Statement) (lines []string, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error { return explaining{q, s, &lines}.explain(ctx, one.SQL, one.Args) })
	return lines, err
}

// RegisterPlan returns how the database runs the queries that registering a
// charge makes; it registers nothing.
func (s *Store) RegisterPlan(ctx context.Context, c refund.Charge) (lines []string, err error) {
	err = s.write(ctx, func(q sqldb.Querier) error {
		r := newRegistering(s, explaining{q, s, &lines}, []refund.Charge{c}, make([]refund.Registered, 1), []int{0})
		if err := r.run(ctx); err != nil {
			return err
		}
		return errNothingDone
	})
	return lines, err
}

// explaining notes the plan of each query that it makes.
type explaining struct {
	sqldb.Querier
	s     *Store
	lines *[]string
}

func (e explaining) Query(ctx context.Context, text string, args []any, each func(scan func(...any) error) error) error {
	if err := e.explain(ctx, text, args); err != nil {
		return err
	}
	return e.Querier.Query(ctx, text, args, each)
}

func (e explaining) explain(ctx context.Context, text string, args []any) error {
	how, columns := "EXPLAIN ", []any{new(string)}
	if e.s.SQLite() {
		how, columns = "EXPLAIN QUERY PLAN ", []any{new(int64), new(int64), new(int64), new(string)}
	}
	return e.Querier.Query(ctx, how+text, args, func(scan func(...any) error) error {
		err := scan(columns...)
		*e.lines = append(*e.lines, *columns[len(columns)-1].(*string))
		return err
	})
}

// SealedTables are those whose values a rotation of the master key seals anew.
func SealedTables() []string {
	var tables []string
	for _, place := range sealedPlaces {
		tables = append(tables, place.table)
	}
	slices.Sort(tables)
	return tables
}

// ShortagePlan is how the database adds up what waits for funds.
func (s *Store) ShortagePlan(ctx context.Context, merchantID string) ([]string, error) {
	return s.plan(ctx, sqldb.Statement{SQL: shortages, Args: []any{merchantID}})
}

// LookThroughDeliveries is DeliveryLook through so many deliveries.
func (s *Store) LookThroughDeliveries(ctx context.Context, f merchant.DeliveryFilter, page refund.Page, most int) ([]merchant.DeliveryRecord, *refund.Position, error) {
	return s.lookThroughDeliveries(ctx, f, page, most)
}

// LookThrough is RefundLook through so many refunds, and LookPlans how the database
// would make such a page.
func (s *Store) LookThrough(ctx context.Context, f refund.Filter, most int) (refund.Look, error) {
	return s.lookThrough(ctx, f, most)
}

func (s *Store) LookPlans(ctx context.Context, f refund.Filter) (lines []string, err error) {
	end, err := s.plan(ctx, lookEndStatement(f, 100))
	if err != nil {
		return nil, err
	}
	_, one := lookPage(f, &refund.Position{CreatedAt: time.UnixMicro(2900), ID: "re_2900"})
	page, err := s.plan(ctx, one)
	return append(end, page...), err
}

// OverviewPlans returns how the database would run the statements of an overview.
func (s *Store) OverviewPlans(ctx context.Context, f refund.OverviewFilter) (lines []string, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		r := overviewing{q: explaining{q, s, &lines}, out: refund.Overview{OverviewFilter: f, Series: refund.NewSeries(f), Times: make(refund.Histogram)}, of: make(map[string]*refund.AccountHealth)}
		for _, part := range r.parts() {
			if err := part(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return lines, err
}

// HeldReads are a store's shared reads, whose callers wait until Step.
type HeldReads struct {
	groups []readGroup
	held   []bool
}

// HoldReads holds a store's shared reads, as if a statement of each was under way.
// Callers wait so long before they go alone.
func (s *Store) HoldReads(patience time.Duration) *HeldReads {
	s.together.patience = patience
	h := &HeldReads{groups: s.together.groups()}
	for _, group := range h.groups {
		h.held = append(h.held, group.Enter())
	}
	s.together.running.Store(true)
	return h
}

// Waiting is how many callers wait.
func (h *HeldReads) Waiting() (n int) {
	for _, group := range h.groups {
		n += group.Len()
	}
	return n
}

// Step runs one shared statement of each kind, for the first of those that wait.
func (h *HeldReads) Step(ctx context.Context) {
	for n, group := range h.groups {
		if h.held[n] {
			group.Leave()
		}
		group.Step(ctx)
		h.held[n] = group.Enter()
	}
}

// SharedPlans returns how the database would run each shared statement.
func (s *Store) SharedPlans(ctx context.Context) (lines []string, err error) {
	t := &s.together
	one := []any{int64(0), "mer_many", "a"}
	err = s.Read(ctx, func(q sqldb.Querier) error {
		e := explaining{q, s, &lines}
		return errors.Join(
			explainShared(ctx, e, t.charge, one), explainShared(ctx, e, t.chargeByName, one), explainShared(ctx, e, t.chargeID, one),
			explainShared(ctx, e, t.chargeByAlias, []any{int64(0), "mer_many", "pingpp", "a"}),
			explainShared(ctx, e, t.refundByAlias, []any{int64(0), "mer_many", "pingpp", "a", "b"}),
			explainShared(ctx, e, t.refundsByAlias, []any{int64(0), "mer_many", "pingpp", "a", int64(5)}),
			explainShared(ctx, e, t.refund, one), explainShared(ctx, e, t.attempts, one), explainShared(ctx, e, t.transfers, one),
			explainShared(ctx, e, t.refundsOfCharge, append(one, int64(5))), explainShared(ctx, e, t.refundsByNumber, append(one, int64(5))),
		)
	})
	return lines, err
}

func explainShared[R any](ctx context.Context, e explaining, g *gathered[R], key []any) error {
	return sqldb.QueryValues(ctx, e, g.columns, [][]any{key}, g.together, func(func(...any) error) error { return nil })
}

// FirstPages are the statements of firstPageOf's pages, each with what the list has for
// the same filter.
func FirstPages() map[string]string {
	_, ofCharge := listedRefunds(refund.Filter{MerchantID: "m", ChargeID: "c"})
	_, ofNumber := listedRefunds(refund.Filter{MerchantID: "m", Number: "n"})
	return map[string]string{refundsOfOneCharge.alone: ofCharge.SQL, refundsOfOneNumber.alone: ofNumber.SQL}
}

// NumberPlan returns how the database would number events that are the merchant's newest.
func (s *Store) NumberPlan(ctx context.Context, merchantID string, events int) (lines []string, err error) {
	rows := make([][]any, events)
	for n := range rows {
		rows[n] = []any{merchantID, int64(n), fmt.Sprint("evt_", n), int64(n)}
	}
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return sqldb.QueryValues(ctx, explaining{q, s, &lines}, feedColumns, rows, numberEvents, func(func(...any) error) error { return nil })
	})
	return lines, err
}

// NamedPlans returns how the database would lock charges by their names and ids.
func (s *Store) NamedPlans(ctx context.Context, names []refund.ChargeName) (lines []string, err error) {
	err = s.write(ctx, func(q sqldb.Querier) error {
		_, err := (&intakeTx{s, explaining{q, s, &lines}}).NamedCharges(ctx, names)
		return err
	})
	return lines, err
}

// LookThroughCharges is ChargeLook through so many charges, and ChargeLookPlans how
// the database would make such a page.
func (s *Store) LookThroughCharges(ctx context.Context, f refund.ChargeFilter, most int) (refund.ChargeLook, error) {
	return s.lookThroughCharges(ctx, f, most)
}

func (s *Store) ChargeLookPlans(ctx context.Context, f refund.ChargeFilter) (lines []string, err error) {
	end, err := s.plan(ctx, chargeLookEnd(f, 100))
	if err != nil {
		return nil, err
	}
	_, one := chargeLookPage(f, &refund.Position{CreatedAt: time.UnixMicro(2900), ID: "ch_2900"})
	page, err := s.plan(ctx, one)
	return append(end, page...), err
}
