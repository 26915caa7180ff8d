package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// named are the refunds that a number may mean: the refund's own numbers, its
// customer's, then those of its charge. The merchant is $1, the number $2.
//
// Each way has an index of its own. The ways are put together by UNION ALL, and
// doubles taken out of the few ids that they give: to take them out on the way,
// SQLite would read all of the merchant's refunds in the order of their ids.
// CROSS JOIN is where SQLite must begin with the left one.
const named = namedItself + `
	UNION ALL SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.customer <> '' AND n.customer = $2
	UNION ALL SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.charge_id = $2
	UNION ALL SELECT n.id FROM charge_aliases a CROSS JOIN refunds n
		WHERE a.merchant_id = $1 AND a.name = $2 AND n.merchant_id = $1 AND n.charge_id = a.charge_id
	UNION ALL SELECT n.id FROM charges c CROSS JOIN refunds n
		WHERE c.merchant_id = $1 AND c.order_no = $2 AND n.merchant_id = $1 AND n.charge_id = c.id
	UNION ALL SELECT n.id FROM charges c CROSS JOIN refunds n
		WHERE c.merchant_id = $1 AND c.channel_account` + ofMerchantsAccounts + ` AND c.transaction_id = $2
		AND n.merchant_id = $1 AND n.charge_id = c.id`

// namedItself are the refunds that a number is of, here or at their channel.
const namedItself = `SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.id = $2
	UNION ALL SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.number <> '' AND n.number = $2
	UNION ALL SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.channel_account` + ofMerchantsAccounts + ` AND n.channel_number = $2
	UNION ALL SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.channel_account` + ofMerchantsAccounts + `
		AND n.channel_refund_id <> '' AND n.channel_refund_id = $2`

// searched is the statement that reads what a number means, and the refunds
// that it stands for in a dialect's own way.
func searched(ways, merchantID, number string, ids []string, page refund.Page) (*listing, sqldb.Statement) {
	args := []any{merchantID, number}
	for _, id := range ids {
		args = append(args, id)
		ways += ` UNION ALL SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.id = $` + strconv.Itoa(len(args))
	}
	text := `SELECT ` + refundColumns + ` FROM (SELECT DISTINCT w.id FROM (` + ways + `) w) m CROSS JOIN refunds r
		WHERE r.merchant_id = $1 AND r.id = m.id`
	l := newListing(text, "r", merchantID, page)
	l.args = args
	return l, l.end()
}

// SearchRefunds implements native.Searcher. Refunds that are damaged are found, too, and
// named.
func (s *Store) SearchRefunds(ctx context.Context, merchantID, number string, page refund.Page) (refund.Look, error) {
	look, err := s.searchBy(ctx, named, merchantID, number, page)
	if err != nil {
		return refund.Look{}, fmt.Errorf("search refunds: %w", err)
	}
	return look, nil
}

// maxNamesakes bounds the refunds that an ambiguous number is said to stand for.
const maxNamesakes = 10

// RefundByAny implements admin.Refunds and native.Searcher. An id of ours is that
// refund, whatever else the same text may be. A damaged refund is KindCorrupt.
func (s *Store) RefundByAny(ctx context.Context, merchantID, name string) (refund.Refund, error) {
	found, err := s.Refund(ctx, merchantID, name)
	if refund.KindOf(err) != refund.KindRefundNotFound || name == "" {
		return found, err
	}
	look, err := s.searchBy(ctx, namedItself, merchantID, name, refund.Page{Limit: maxNamesakes})
	if err != nil {
		return refund.Refund{}, fmt.Errorf("find refund: %w", err)
	}
	var ids []string
	for _, r := range look.Refunds {
		ids = append(ids, r.ID)
	}
	for _, one := range look.Unreadable {
		ids = append(ids, one.ID)
	}
	switch {
	case len(ids) == 0:
		return refund.Refund{}, refundNotFound(name)
	case len(ids) > 1:
		return refund.Refund{}, ambiguous("refund", ids, look.More)
	case len(look.Refunds) == 0:
		return s.Refund(ctx, merchantID, ids[0]) // for its error
	}
	return look.Refunds[0], nil
}

// ambiguous is the error for a name that stands for several refunds or charges.
func ambiguous(what string, ids []string, more bool) *refund.Error {
	text := strings.Join(ids, ", ")
	if more {
		text += " and others"
	}
	return refund.Errorf(refund.KindInvalid, what, "the name stands for several %ss: %s (hint: use the id)", what, text)
}

// searchBy reads the refunds that a number means in one of some ways, or is in
// a dialect's own way.
func (s *Store) searchBy(ctx context.Context, ways, merchantID, number string, page refund.Page) (look refund.Look, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		identities, err := s.openIdentities(ctx, q, merchantID)
		if err != nil {
			return err
		}
		ids, err := s.derived(ctx, q, merchantID, number, identities)
		if err != nil {
			return err
		}
		l, one := searched(ways, merchantID, number, ids, page)
		look, err = lookAt(ctx, q, l, one, nil)
		return err
	})
	return look, err
}

// derived are the ids of refunds that dialects name otherwise, and of those
// that a number or key was claimed for.
func (s *Store) derived(ctx context.Context, q sqldb.Querier, merchantID, number string, identities []merchant.Identity) ([]string, error) {
	ids, err := claimedFor(ctx, q, merchantID, number)
	if err != nil {
		return nil, err
	}
	for _, references := range s.dialects.References {
		for _, reference := range references(number, identities) {
			found, err := referred(ctx, q, merchantID, reference)
			if err != nil {
				return nil, err
			}
			ids = append(ids, found...)
		}
	}
	return ids, nil
}

// claimedFor are the refunds of a unit that gave the text as number or key.
func claimedFor(ctx context.Context, q sqldb.Querier, merchantID, value string) ([]string, error) {
	const text = `SELECT u.refunds FROM refund_numbers u WHERE u.merchant_id = $1 AND u.namespace IN ('number', 'key') AND u.value = $2`
	var ids []string
	err := q.Query(ctx, text, []any{merchantID, value}, func(scan func(...any) error) error {
		var refunds string
		if err := scan(&refunds); err != nil {
			return err
		}
		var more []string
		if json.Unmarshal([]byte(refunds), &more) == nil { // a damaged one leads nowhere, and hides nothing that is found otherwise
			ids = append(ids, more...)
		}
		return nil
	})
	return ids, err
}

// referred are the ids of the refunds that a reference may mean.
func referred(ctx context.Context, q sqldb.Querier, merchantID string, r refund.Reference) ([]string, error) {
	const (
		ofCharge = `SELECT n.id FROM charge_aliases a JOIN refunds n ON n.merchant_id = a.merchant_id AND n.charge_id = a.charge_id
			WHERE a.merchant_id = $1 AND n.merchant_id = $1 AND a.dialect = $2 AND a.name = $3 AND n.sequence = $4`
		near = `SELECT n.id FROM refunds n WHERE n.merchant_id = $1 AND n.created_at >= $2 AND n.created_at <= $3`
	)
	switch {
	case r.ID != "":
		return []string{r.ID}, nil
	case r.Charge != "":
		return queryIDs(ctx, q, ofCharge, merchantID, r.Dialect, r.Charge, r.Sequence)
	case r.Is != nil:
		ids, err := queryIDs(ctx, q, near, merchantID, sqldb.Micros(r.At.Add(-idSlack)), sqldb.Micros(r.At.Add(idSlack)))
		return slices.DeleteFunc(ids, func(id string) bool { return !r.Is(id) }), err
	}
	return nil, nil
}

// idSlack is how far a refund's row may be from the time in its id: the id is
// made when the request is read, the row's time with the commit that takes it.
const idSlack = 2 * time.Second

func queryIDs(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]string, error) {
	var ids []string
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}
