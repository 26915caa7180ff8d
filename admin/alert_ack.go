package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/refund"
)

// Alerts keeps what an operator should look at.
type Alerts interface {
	// AckAlert notes who has looked at an alert; one that somebody has looked at
	// stays as it is, without a record. Absent is KindNotFound.
	AckAlert(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) (refund.StoredAlert, error)
}

// AckAlert says that somebody has looked at an alert, and returns it. One that
// somebody has looked at before is returned as it is. Absent is KindNotFound.
func (a *Admin) AckAlert(ctx context.Context, by By, merchantID, id string) (refund.StoredAlert, error) {
	record, err := a.record(by, merchantID, "alert.ack", id)
	if err != nil {
		return refund.StoredAlert{}, err
	}
	alert, err := a.s.Store.AckAlert(ctx, merchantID, id, record, a.now())
	if err != nil {
		return refund.StoredAlert{}, err
	}
	a.done(merchantID)
	return alert, nil
}
