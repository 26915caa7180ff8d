package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	numberColumns = `r.merchant_id, r.namespace, r.value, r.refunds, r.contents, r.created_at`
	unitByKey     = `SELECT ` + numberColumns + ` FROM refund_numbers r
		WHERE r.merchant_id = $1 AND r.namespace = 'key' AND r.value = $2`
)

// Unit implements refund.Togethers.
func (s *Store) Unit(ctx context.Context, merchantID, key string) (refund.Together, bool, error) {
	units, err := s.units(ctx, merchantID, unitByKey, merchantID, key)
	if err != nil || len(units) == 0 || len(units[0].Refunds) == 0 { // a key of another write
		return refund.Together{}, false, err
	}
	return units[0], true, nil
}

// units reads keys with what they stand for. A key is never there before its
// refunds are, so that whatever the statements see they see all of it.
func (s *Store) units(ctx context.Context, merchantID, text string, args ...any) (units []refund.Together, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		units, err = s.unitsIn(ctx, q, merchantID, text, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read units of refunds: %w", err)
	}
	return units, nil
}

func (s *Store) unitsIn(ctx context.Context, q sqldb.Querier, merchantID, text string, args ...any) ([]refund.Together, error) {
	var numbers []refund.Number
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		n, err := scanNumber(scan)
		numbers = append(numbers, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	var wanted []refund.Key
	for _, n := range numbers {
		for _, id := range n.Refunds {
			wanted = append(wanted, refund.Key{MerchantID: merchantID, ID: id})
		}
	}
	refunds, err := s.refunds(ctx, q, wanted, false)
	if err != nil {
		return nil, err
	}
	var paid []refund.ChargeKey
	for _, r := range refunds {
		paid = append(paid, refund.ChargeKey{MerchantID: merchantID, ID: r.ChargeID})
	}
	charges, err := s.charges(ctx, q, paid, false)
	if err != nil {
		return nil, err
	}
	units := make([]refund.Together, 0, len(numbers))
	for _, n := range numbers {
		unit := refund.Together{Key: n.Value, Batch: refund.BatchOf(n.Value), Contents: n.Contents, CreatedAt: n.CreatedAt, Charges: make(map[string]refund.Charge)}
		for _, id := range n.Refunds {
			r, ok := refunds[refund.Key{MerchantID: merchantID, ID: id}]
			charge, paid := charges[refund.ChargeKey{MerchantID: merchantID, ID: r.ChargeID}]
			if !ok || !paid {
				return nil, refund.Errorf(refund.KindCorrupt, "number", "the key %q stands for refund %s, which is not there", n.Value, id)
			}
			unit.Refunds = append(unit.Refunds, r)
			unit.Charges[charge.ID] = charge
		}
		units = append(units, unit)
	}
	return units, nil
}
