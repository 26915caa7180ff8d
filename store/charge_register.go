package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// maxRegistered is the most charges of one commit; more are cut. It keeps a
// large import from holding the writer for long.
const maxRegistered = 1024

// maxUnknown is how often a commit is repeated whose result is unknown.
const maxUnknown = 3

// RegisterCharge implements dialect.Registrar. A charge without a transaction
// id is given one, unless one of its names is known: then it is that charge.
func (s *Store) RegisterCharge(ctx context.Context, c refund.Charge, w *refund.Write) (stored refund.Charge, again bool, err error) {
	results, err := s.RegisterCharges(ctx, []refund.Charge{c}, w)
	if err != nil {
		return refund.Charge{}, false, err
	}
	return results[0].Charge, results[0].Again, results[0].Err
}

// RegisterCharges implements dialect.BatchRegistrar.
func (s *Store) RegisterCharges(ctx context.Context, charges []refund.Charge, w *refund.Write) ([]refund.Registered, error) {
	return s.registerAll(ctx, charges, registerEnd{write: w})
}

// ImportCharges is RegisterCharges for an operator: each commit that registers
// something new writes the record, with the number of those.
func (s *Store) ImportCharges(ctx context.Context, charges []refund.Charge, record refund.Action) ([]refund.Registered, error) {
	if err := record.Check(); err != nil {
		return nil, fmt.Errorf("import charges: %w", err)
	}
	return s.registerAll(ctx, charges, registerEnd{record: &record.Record, write: record.Write})
}

// TryCharges returns what RegisterCharges would, and registers nothing.
func (s *Store) TryCharges(ctx context.Context, charges []refund.Charge) ([]refund.Registered, error) {
	return s.registerAll(ctx, charges, registerEnd{err: errOnlyTried})
}

// errOnlyTried rolls a transaction back that has found out what was asked.
var errOnlyTried = errors.New("only tried")

// registerEnd is how each transaction ends that succeeds: with an error, or with
// a record of what it did; the zero registerEnd adds nothing. write is recorded
// in the first that commits.
type registerEnd struct {
	err    error
	record *audit.Record
	write  *refund.Write
}

func (s *Store) registerAll(ctx context.Context, charges []refund.Charge, end registerEnd) ([]refund.Registered, error) {
	results := make([]refund.Registered, len(charges))
	todo := make([]int, 0, len(charges))
	ready := make([]refund.Charge, len(charges))
	now := s.now()
	for n, c := range charges {
		if c.CreatedAt.IsZero() {
			c.CreatedAt = now
		}
		c.UpdatedAt = c.CreatedAt
		checked, err := refund.Register(c)
		if err != nil {
			results[n].Err = err
			continue
		}
		ready[n] = checked
		todo = append(todo, n)
	}
	for part := range slices.Chunk(todo, maxRegistered) {
		if err := s.registerPart(ctx, ready, results, part, end); err != nil {
			return nil, fmt.Errorf("register charges: %w", err)
		}
	}
	return results, nil
}

// registerPart takes some charges through one commit. When something is wrong
// with one of them, each half is tried alone, and so on down to the guilty one.
func (s *Store) registerPart(ctx context.Context, charges []refund.Charge, results []refund.Registered, todo []int, end registerEnd) error {
	var problem error
	for try, unknown := 0, 0; ; try++ {
		problem = s.writeOnce(ctx, charges[todo[0]].MerchantID, end.write, func(q sqldb.Querier) error {
			r := newRegistering(s, q, slices.Clone(charges), results, slices.Clone(todo))
			if err := r.run(ctx); err != nil {
				return err
			}
			if end.record != nil && len(r.fresh) > 0 {
				if err := s.recordImport(ctx, q, *end.record, r.fresh); err != nil {
					return err
				}
			}
			if end.err != nil || len(todo) > 1 {
				return end.err
			}
			if results[todo[0]].Err != nil {
				return errNothingDone
			}
			end.write.Makes(results[todo[0]].Charge.ID)
			return nil
		})
		// What a commit did whose result is unknown is found by doing it again: the
		// charges are there, or not.
		if errors.Is(problem, refund.ErrCommitUnknown) && unknown < maxUnknown && ctx.Err() == nil {
			unknown++
			try--
			continue
		}
		if !errors.Is(problem, errNameTaken) || len(todo) > 1 {
			break
		}
		var more bool
		if charges[todo[0]], more = giveWay(charges[todo[0]], try); !more {
			break
		}
	}
	switch {
	case problem == nil, errors.Is(problem, errOnlyTried):
		return nil
	case ctx.Err() != nil, errors.Is(problem, refund.ErrUnavailable):
		return problem
	case len(todo) == 1:
		results[todo[0]] = refund.Registered{Err: registerProblem(problem)}
		return nil
	}
	half := len(todo) / 2
	if err := s.registerPart(ctx, charges, results, todo[:half], end); err != nil {
		return err
	}
	return s.registerPart(ctx, charges, results, todo[half:], end)
}

// recordImport writes the record of a commit with the number of charges that
// are new, unless that is none.
func (s *Store) recordImport(ctx context.Context, q sqldb.Querier, record audit.Record, fresh map[int]bool) error {
	registered := 0
	for _, isNew := range fresh {
		if isNew {
			registered++
		}
	}
	if registered == 0 {
		return nil
	}
	return s.appendAudit(ctx, q, record.With("registered", strconv.Itoa(registered)))
}

// giveWay makes a charge ready for another try after one of its names was found
// taken; more is false when there is none. It was taken meanwhile by who
// registers the same: then it is looked at again as it is. Or it is another
// payment's, and a name that nobody asked for gives way.
func giveWay(c refund.Charge, try int) (ready refund.Charge, more bool) {
	if try == 0 {
		return c, true
	}
	return refund.OwnNames(c)
}

func registerProblem(err error) error {
	var taken nameTakenError
	switch {
	case errors.As(err, &taken):
		e := refund.Errorf(refund.KindChargeConflict, "identities", "the name %q (%s) is already that of charge %s", taken.name.name, taken.name.dialect, taken.owner)
		e.Charge = taken.owner
		return e
	case refund.As(err) != nil:
		return err
	default:
		return refund.Wrap(err, "register charge")
	}
}

var errNameTaken = errors.New("a name of the charge belongs to another charge")

// nameTakenError is errNameTaken with the name and whose it is.
type nameTakenError struct {
	name  nameKey
	owner string
}

func (e nameTakenError) Error() string { return errNameTaken.Error() }
func (e nameTakenError) Unwrap() error { return errNameTaken }

// chargeIdentity is what makes two registrations the same payment.
type chargeIdentity struct{ merchant, account, transaction string }

func identityOf(c refund.Charge) chargeIdentity {
	return chargeIdentity{c.MerchantID, c.ChannelAccount, c.TransactionID}
}

// registering is one transaction that registers charges. What it may wait for,
// it takes in this order: new charges by their transaction ids, charges that
// are there by their keys (to route them, then to name them), names.
type registering struct {
	store   *Store
	q       sqldb.Querier
	charges []refund.Charge
	results []refund.Registered
	todo    []int          // places in charges and results, sorted
	refused map[int]bool   // places of charges that were left out of todo
	keyless map[int]bool   // places of charges whose payment key another one has
	routes  map[int]string // accounts of charges that are there without one, by place
	fresh   map[int]bool   // places of charges that this transaction inserted
	grown   map[rowKey]refund.Charge
}

func newRegistering(s *Store, q sqldb.Querier, charges []refund.Charge, results []refund.Registered, todo []int) *registering {
	return &registering{
		store: s, q: q, charges: charges, results: results, todo: todo,
		refused: make(map[int]bool), keyless: make(map[int]bool), routes: make(map[int]string),
		fresh: make(map[int]bool, len(todo)), grown: make(map[rowKey]refund.Charge),
	}
}

func (r *registering) run(ctx context.Context) error {
	if err := r.findByName(ctx); err != nil {
		return err
	}
	if err := r.findPayments(ctx); err != nil {
		return err
	}
	slices.SortStableFunc(r.todo, func(a, b int) int {
		x, y := identityOf(r.charges[a]), identityOf(r.charges[b])
		return cmp.Or(cmp.Compare(x.merchant, y.merchant), cmp.Compare(x.transaction, y.transaction), cmp.Compare(x.account, y.account))
	})
	if err := r.insert(ctx); err != nil {
		return err
	}
	if err := r.match(ctx); err != nil {
		return err
	}
	if err := r.route(ctx); err != nil {
		return err
	}
	if err := r.grow(ctx); err != nil {
		return err
	}
	if err := r.addNames(ctx); err != nil {
		return err
	}
	return r.findSameOrders(ctx)
}

// insert adds the charges that are new.
func (r *registering) insert(ctx context.Context) error {
	rows := make([][]any, len(r.todo))
	for n, at := range r.todo {
		var key any
		if !r.keyless[at] {
			key = paymentKey(r.charges[at])
		}
		var err error
		if rows[n], err = chargeValues(r.charges[at], key); err != nil {
			return err
		}
	}
	inserted := make(map[rowKey]bool, len(rows))
	for _, one := range sqldb.InsertRows(insertCharges, chargeWidth, rows, "ON CONFLICT DO NOTHING RETURNING merchant_id, id") {
		err := sqldb.QueryStatement(ctx, r.q, one, func(scan func(...any) error) error {
			var key rowKey
			err := scan(&key.merchant, &key.id)
			inserted[key] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, at := range r.todo {
		key := keyOf(r.charges[at])
		r.fresh[at] = inserted[key]
		delete(inserted, key) // the same once more in the batch is "again"
	}
	return nil
}

var paymentColumns = sqldb.NewColumns("merchant_id TEXT", "channel_account TEXT", "transaction_id TEXT")

const chargesByIdentity = `SELECT ` + chargeColumns + ` FROM v JOIN charges c ON c.merchant_id = v.merchant_id
	AND c.channel_account = v.channel_account AND c.transaction_id = v.transaction_id`

// match compares what was there before with what was sent.
func (r *registering) match(ctx context.Context) error {
	var rows [][]any
	for _, at := range r.todo {
		c := r.charges[at]
		if r.fresh[at] {
			c.Aliases = slices.Clone(c.Aliases)
			for n := range c.Aliases {
				c.Aliases[n].MadeUp = false // it is the charge's name now
			}
			r.results[at] = refund.Registered{Charge: c}
		} else {
			rows = append(rows, []any{c.MerchantID, c.ChannelAccount, c.TransactionID})
		}
	}
	there := make(map[chargeIdentity]refund.Charge, len(rows))
	err := sqldb.QueryValues(ctx, r.q, paymentColumns, rows, chargesByIdentity, func(scan func(...any) error) error {
		c, err := scanCharge(scan)
		there[identityOf(c)] = c
		return err
	})
	if err != nil {
		return err
	}
	for _, at := range r.todo {
		if r.fresh[at] {
			continue
		}
		stored, ok := there[identityOf(r.charges[at])]
		switch {
		case !ok:
			return r.lost(ctx, r.charges[at])
		case !refund.SameCharge(stored, r.charges[at]):
			e := refund.Errorf(refund.KindChargeConflict, "charge", "charge %s is registered with other content: %s", stored.ID, strings.Join(refund.Differences(stored, r.charges[at]), ", "))
			e.Charge = stored.ID
			r.results[at] = refund.Registered{Err: e}
		default:
			r.results[at] = refund.Registered{Charge: stored, Again: true}
		}
	}
	return nil
}

var orderColumns = sqldb.NewColumns("merchant_id TEXT", "id TEXT", "order_no TEXT")

// sameOrders finds one other charge with an order number; the index leads to
// it, however many there are.
const sameOrders = `SELECT v.id, COALESCE((SELECT c.id FROM charges c WHERE c.merchant_id = v.merchant_id AND c.order_no = v.order_no AND c.id <> v.id
	ORDER BY c.created_at, c.id LIMIT 1), '') FROM v`

// findSameOrders tells of each new charge whose order number another has.
func (r *registering) findSameOrders(ctx context.Context) error {
	var rows [][]any
	for _, at := range r.todo {
		if c := r.charges[at]; r.fresh[at] {
			rows = append(rows, []any{c.MerchantID, c.ID, c.OrderNo})
		}
	}
	others := make(map[string]string, len(rows))
	err := sqldb.QueryValues(ctx, r.q, orderColumns, rows, sameOrders, func(scan func(...any) error) error {
		var id, other string
		err := scan(&id, &other)
		others[id] = other
		return err
	})
	for _, at := range r.todo {
		if r.fresh[at] {
			r.results[at].SameOrder = others[r.charges[at].ID]
		}
	}
	return err
}

func keyOf(c refund.Charge) rowKey { return rowKey{c.MerchantID, c.ID} }
