package store

import (
	"context"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

const (
	newAlerts  = `SELECT ` + alertColumns + ` FROM alerts a WHERE a.merchant_id = $1 AND a.told_at = 0 ORDER BY a.created_at, a.id LIMIT $2`
	markAlerts = `UPDATE alerts SET told_at = v.now FROM v WHERE alerts.merchant_id = v.merchant_id
		AND alerts.created_at = v.created_at AND alerts.id = v.id AND alerts.told_at + 0 = 0`
)

// alertNews reads alerts that no endpoint was told of. An alert is its own event: the
// same again while nobody has looked counts up, and is none.
func alertNews(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]webhook.Event, error) {
	var found []webhook.Event
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		a, err := scanAlert(scan)
		if err == nil {
			found = append(found, alertEvent(a))
		}
		return err
	})
	return found, err
}

func alertEvent(a refund.StoredAlert) webhook.Event {
	return webhook.Event{Kind: webhook.AboutAlert, MerchantID: a.MerchantID, ID: a.ID, Type: refund.AlertRaised, At: a.CreatedAt, Alert: &a}
}

// alertSubject is the alert that a delivery is of.
func (s *Store) alertSubject(ctx context.Context, d merchant.Delivery, gone error) (webhook.Event, error) {
	a, err := s.Alert(ctx, d.MerchantID, d.EventID)
	if refund.KindOf(err) == refund.KindNotFound {
		return webhook.Event{}, gone
	}
	return alertEvent(a), err
}
