package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	insertAliases = `INSERT INTO charge_aliases (merchant_id, dialect, name, identity, sub, charge_id) VALUES`
	aliasWidth    = 6
	// namesOwners gives whose a name is.
	namesOwners = `SELECT a.merchant_id, a.dialect, a.name, a.charge_id FROM v JOIN charge_aliases a
		ON a.merchant_id = v.merchant_id AND a.dialect = v.dialect AND a.name = v.name`
	updateAliases = `UPDATE charges SET aliases = v.aliases FROM v WHERE charges.merchant_id = v.merchant_id AND charges.id = v.id`
)

var (
	nameColumns  = sqldb.NewColumns("merchant_id TEXT", "dialect TEXT", "name TEXT")
	growsColumns = sqldb.NewColumns("merchant_id TEXT", "id TEXT", "aliases TEXT")
)

// nameKey is a dialect's name for one of a merchant's charges.
type nameKey struct{ merchant, dialect, name string }

// owners returns the ids of the charges that names belong to.
func owners(ctx context.Context, q sqldb.Querier, rows [][]any) (map[nameKey]string, error) {
	found := make(map[nameKey]string, len(rows))
	err := sqldb.QueryValues(ctx, q, nameColumns, rows, namesOwners, func(scan func(...any) error) error {
		var key nameKey
		var charge string
		err := scan(&key.merchant, &key.dialect, &key.name, &charge)
		found[key] = charge
		return err
	})
	return found, err
}

// findByName gives the charges that came without a transaction id the one of
// the charge that has one of their names, or a new one.
func (r *registering) findByName(ctx context.Context) error {
	var rows [][]any
	for _, at := range r.todo {
		if c := r.charges[at]; c.TransactionID == "" {
			for _, a := range c.Aliases {
				rows = append(rows, []any{c.MerchantID, a.Dialect, a.Name})
			}
		}
	}
	byName, err := owners(ctx, r.q, rows)
	if err != nil {
		return err
	}
	keys := make([]refund.ChargeKey, 0, len(byName))
	for key, id := range byName {
		keys = append(keys, refund.ChargeKey{MerchantID: key.merchant, ID: id})
	}
	known, err := r.store.charges(ctx, r.q, keys, false)
	if err != nil {
		return err
	}
	for _, at := range r.todo {
		c := &r.charges[at]
		if c.TransactionID != "" {
			continue
		}
		for _, a := range c.Aliases {
			id := byName[nameKey{c.MerchantID, a.Dialect, a.Name}]
			if one, ok := known[refund.ChargeKey{MerchantID: c.MerchantID, ID: id}]; ok {
				c.TransactionID = one.TransactionID
				if c.Routed || c.ChannelAccount == "" {
					c.ChannelAccount = cmp.Or(one.ChannelAccount, c.ChannelAccount)
				}
				break
			}
		}
		if c.TransactionID == "" {
			c.TransactionID = refund.NewTransactionID(c.CreatedAt)
		}
	}
	return nil
}

// grow locks the charges that are there and lack a name that was sent, and
// gives it to them.
func (r *registering) grow(ctx context.Context) error {
	var keys []refund.ChargeKey
	for _, at := range r.todo {
		if result := r.results[at]; result.Again && len(missing(result.Charge, r.charges[at])) > 0 {
			keys = append(keys, refund.ChargeKey{MerchantID: result.Charge.MerchantID, ID: result.Charge.ID})
		}
	}
	if len(keys) == 0 {
		return nil
	}
	locked, err := r.store.charges(ctx, r.q, keys, true)
	if err != nil {
		return err
	}
	for _, at := range r.todo {
		result := &r.results[at]
		if !result.Again {
			continue
		}
		stored, ok := locked[refund.ChargeKey{MerchantID: result.Charge.MerchantID, ID: result.Charge.ID}]
		if !ok {
			continue
		}
		stored.Aliases = append(slices.Clone(stored.Aliases), missing(stored, r.charges[at])...)
		locked[refund.ChargeKey{MerchantID: stored.MerchantID, ID: stored.ID}] = stored
		r.grown[keyOf(stored)] = stored
		result.Charge = stored
	}
	rows := make([][]any, 0, len(r.grown))
	for key, c := range r.grown {
		text, err := jsonText(nonNil(c.Aliases))
		if err != nil {
			return err
		}
		rows = append(rows, []any{key.merchant, key.id, text})
	}
	_, err = r.q.Send(ctx, sqldb.WithValues(growsColumns, rows, updateAliases))
	return err
}

// addNames claims the names of new charges and those that grew. A name that is
// another charge's undoes the whole transaction.
func (r *registering) addNames(ctx context.Context) error {
	var rows [][]any
	add := func(c refund.Charge) {
		for _, a := range c.Aliases {
			rows = append(rows, []any{c.MerchantID, a.Dialect, a.Name, a.Identity, a.Sub, c.ID})
		}
	}
	for _, at := range r.todo {
		if r.fresh[at] {
			add(r.charges[at])
		}
	}
	for _, c := range r.grown {
		add(c)
	}
	slices.SortFunc(rows, func(a, b []any) int {
		return cmp.Or(cmp.Compare(a[0].(string), b[0].(string)), cmp.Compare(a[1].(string), b[1].(string)), cmp.Compare(a[2].(string), b[2].(string)))
	})
	counts, err := r.q.Send(ctx, sqldb.InsertRows(insertAliases, aliasWidth, rows, "ON CONFLICT DO NOTHING"))
	if err != nil || sum(counts) == int64(len(rows)) {
		return err
	}
	keys := make([][]any, len(rows))
	for n, row := range rows {
		keys[n] = row[:nameColumns.Width()]
	}
	belong, err := owners(ctx, r.q, keys)
	if err != nil {
		return err
	}
	for _, row := range rows {
		name := nameKey{row[0].(string), row[1].(string), row[2].(string)}
		if owner := belong[name]; owner != row[5].(string) {
			return nameTakenError{name, owner}
		}
	}
	return nil
}

// missing lists the names that were sent and stored lacks. One that was made
// up for a new charge is left out where the dialect has a name already.
func missing(stored, sent refund.Charge) []refund.Alias {
	var out []refund.Alias
	for _, a := range sent.Aliases {
		has := slices.ContainsFunc(stored.Aliases, func(b refund.Alias) bool { return a.Dialect == b.Dialect && a.Name == b.Name })
		_, named := stored.Alias(a.Dialect)
		if !has && (!named || !a.MadeUp) {
			a.MadeUp = false
			out = append(out, a)
		}
	}
	return out
}
