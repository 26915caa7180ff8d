package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// The same payment may be registered twice with different channel accounts:
// before and after an account takes its channel, or once without and once with
// the account's name. It is one charge all the same. Registering looks for it
// under every account of the merchant, and payment_key holds against those who
// look at the same time.

// accountsOfMerchants are the ids of all accounts of merchants.
const accountsOfMerchants = `SELECT a.merchant_id, a.id FROM v JOIN channel_accounts a ON a.merchant_id = v.merchant_id`

var (
	merchantColumn    = sqldb.NewColumns("merchant_id TEXT")
	paymentKeyColumns = sqldb.NewColumns("merchant_id TEXT", "payment_key TEXT")
	routedColumns     = sqldb.NewColumns("merchant_id TEXT", "id TEXT", "channel_account TEXT")
)

// routeCharges gives charges that no account took the account that does. It
// touches none whose account has a charge with that transaction id already.
const routeCharges = `UPDATE charges SET channel_account = v.channel_account FROM v
	WHERE charges.merchant_id = v.merchant_id AND charges.id = v.id AND charges.channel_account = ''
	AND NOT EXISTS (SELECT 1 FROM charges o WHERE o.merchant_id = v.merchant_id AND o.channel_account = v.channel_account
		AND o.transaction_id = charges.transaction_id)`

// errSplit: charges of one commit are the same payment under different
// accounts, and have to be registered one after the other.
var errSplit = errors.New("charges of one commit are the same payment")

func paymentKey(c refund.Charge) string { return c.Channel + " " + c.TransactionID }

// findPayments looks for the charges that the payments of a part are already. A
// charge that nobody named an account for is the one that is there with its
// channel and transaction id, whatever its account; one whose account is known
// now may be there without any, and is routed then.
func (r *registering) findPayments(ctx context.Context) error {
	type payment struct{ merchant, transaction string }
	accounts, err := r.accounts(ctx)
	if err != nil {
		return fmt.Errorf("find channel accounts: %w", err)
	}
	// One row for each account that the payment may be under: each is one look
	// into the index of identities. A join with channel_accounts in the same
	// statement made PostgreSQL read all charges.
	var rows [][]any
	for _, at := range r.todo {
		c := r.charges[at]
		for _, account := range accounts[c.MerchantID] {
			rows = append(rows, []any{c.MerchantID, account, c.TransactionID})
		}
	}
	there := make(map[payment][]refund.Charge)
	err = sqldb.QueryValues(ctx, r.q, paymentColumns, rows, chargesByIdentity, func(scan func(...any) error) error {
		c, err := scanCharge(scan)
		key := payment{c.MerchantID, c.TransactionID}
		there[key] = append(there[key], c)
		return err
	})
	if err != nil {
		return fmt.Errorf("find payments: %w", err)
	}
	for _, at := range r.todo {
		c := &r.charges[at]
		r.findPayment(at, there[payment{c.MerchantID, c.TransactionID}])
	}
	r.todo = slices.DeleteFunc(r.todo, func(at int) bool { return r.refused[at] })
	return nil
}

// accounts are the channel accounts of each merchant, and "" for none.
func (r *registering) accounts(ctx context.Context) (map[string][]string, error) {
	found := make(map[string][]string)
	var rows [][]any
	for _, at := range r.todo {
		if id := r.charges[at].MerchantID; found[id] == nil {
			found[id] = []string{""}
			rows = append(rows, []any{id})
		}
	}
	err := sqldb.QueryValues(ctx, r.q, merchantColumn, rows, accountsOfMerchants, func(scan func(...any) error) error {
		var merchantID, id string
		err := scan(&merchantID, &id)
		found[merchantID] = append(found[merchantID], id)
		return err
	})
	return found, err
}

// findPayment decides about one charge; there are those with its transaction id.
func (r *registering) findPayment(at int, there []refund.Charge) {
	c := &r.charges[at]
	accounts := make(map[string]bool)
	for _, other := range there {
		if other.ChannelAccount == c.ChannelAccount {
			return // matched by its account
		}
		if other.Channel == c.Channel {
			accounts[other.ChannelAccount] = true
		}
	}
	switch {
	case accounts[""]:
		r.routes[at], c.ChannelAccount = c.ChannelAccount, ""
	case len(accounts) == 1 && c.Routed:
		for account := range accounts {
			c.ChannelAccount = account
		}
	case len(accounts) > 0 && c.Routed:
		e := refund.Errorf(refund.KindChargeConflict, "channel_account", "is required: several channel accounts have a charge with this transaction id")
		r.results[at] = refund.Registered{Err: e}
		r.refused[at] = true
	case len(accounts) > 0:
		r.keyless[at] = true
	}
}

// lost returns why a charge was neither inserted nor is there by its account and
// transaction id: its payment is another row's of this transaction, or of one
// that was quicker, or only its id is taken.
func (r *registering) lost(ctx context.Context, c refund.Charge) error {
	const text = `SELECT c.id FROM v JOIN charges c ON c.merchant_id = v.merchant_id AND c.payment_key = v.payment_key`
	holder := ""
	err := sqldb.QueryValues(ctx, r.q, paymentKeyColumns, [][]any{{c.MerchantID, paymentKey(c)}}, text, func(scan func(...any) error) error { return scan(&holder) })
	switch {
	case err != nil:
		return err
	case holder == "" || holder == c.ID:
		return refund.Errorf(refund.KindChargeConflict, "id", "the id is already that of another charge")
	}
	for at := range r.fresh {
		if r.fresh[at] && r.charges[at].ID == holder {
			return errSplit
		}
	}
	return sqldb.Again(errors.New("the payment was registered at the same time"))
}

// route gives the charges that were found without an account theirs.
func (r *registering) route(ctx context.Context) error {
	var rows [][]any
	for at, account := range r.routes {
		if result := r.results[at]; result.Again {
			rows = append(rows, []any{result.Charge.MerchantID, result.Charge.ID, account})
		}
	}
	switch all, err := routed(ctx, r.q, rows); {
	case err != nil:
		return err
	case !all:
		return sqldb.Again(errors.New("a charge was routed at the same time"))
	}
	for at, account := range r.routes {
		r.results[at].Charge.ChannelAccount = account
	}
	return nil
}

// routed writes the accounts of charges that had none, and reports whether it
// wrote all of them.
func routed(ctx context.Context, q sqldb.Querier, rows [][]any) (all bool, err error) {
	if len(rows) == 0 {
		return true, nil
	}
	counts, err := q.Send(ctx, sqldb.WithValues(routedColumns, rows, routeCharges))
	if err != nil {
		return false, fmt.Errorf("route charges: %w", err)
	}
	return sum(counts) == int64(len(rows)), nil
}
