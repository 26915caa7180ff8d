package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ofMerchantsAccounts names the merchant's channel accounts, and the ” of
// charges that no account takes yet, so that the unique indexes by (merchant,
// account, number) are used.
const ofMerchantsAccounts = ` IN (SELECT o.id FROM channel_accounts o WHERE o.merchant_id = $1 UNION ALL SELECT '')`

// ChargeByTransaction finds a charge that has a name in a dialect by its number
// at the channel. None is KindChargeNotFound; a number that two channel
// accounts gave to different charges is KindInvalid.
func (s *Store) ChargeByTransaction(ctx context.Context, merchantID, dialect, transactionID string) (refund.Charge, error) {
	const text = `SELECT ` + chargeColumns + ` FROM charges c WHERE c.merchant_id = $1 AND c.channel_account` + ofMerchantsAccounts + `
		AND c.transaction_id = $2
		AND EXISTS (SELECT 1 FROM charge_aliases a WHERE a.merchant_id = $1 AND a.charge_id = c.id AND a.dialect = $3)`
	rows, err := read(ctx, s, keyed[refund.Charge]{scan: scanCharge, alone: text}, merchantID, transactionID, dialect)
	return oneCharge(transactionID, rows, err)
}

// RefundByChannelNumber finds a refund by the number that its channel sees,
// the newest where two accounts have the same. None is KindRefundNotFound.
func (s *Store) RefundByChannelNumber(ctx context.Context, merchantID, number string) (refund.Refund, error) {
	const text = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.channel_account` + ofMerchantsAccounts + `
		AND r.channel_number = $2 ORDER BY r.created_at DESC LIMIT 1`
	var found refund.Refund
	var there bool
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, number}, func(scan func(...any) error) (err error) {
			found, err = scanRefund(scan)
			there = true
			return err
		})
	})
	switch {
	case err != nil:
		return refund.Refund{}, fmt.Errorf("find refund: %w", err)
	case !there:
		return refund.Refund{}, refundNotFound(number)
	}
	return found, nil
}
