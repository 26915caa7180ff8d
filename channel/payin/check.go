package payin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/channel"
	wire "github.com/refundry/refundry/wire/payin"
)

// Check implements channel.Connector: it reads the merchant, which proves address,
// key, secret, clock and merchant, and opens the reconciliation file of two days ago
// where there is an address for it. Each finding has the name of the setting at
// fault.
func (c *connector) Check(ctx context.Context) []channel.Check {
	a := c.call(ctx, wire.QueryMerchant, c.merchantID, nil)
	err := a.failure()
	switch {
	case a.status == 0:
		return []channel.Check{{Name: settingBaseURL, Err: fmt.Errorf("%w (hint: is the address right, and may it be called? --egress-allow lists private networks)", err)}}
	case says(err, wire.CodeNotAllowed):
		return []channel.Check{{Name: settingBaseURL}, {Name: secretSecret, Err: fmt.Errorf("%w (hint: %s and %s belong together, and this machine's clock is at most 5 minutes off)", err, secretKey, secretSecret)}}
	case errors.As(err, new(*faulted)):
		return []channel.Check{{Name: settingBaseURL}, {Name: secretSecret}, {Name: settingMerchantID, Err: fmt.Errorf("%w (hint: is the merchant the client's?)", err)}}
	case err != nil:
		return []channel.Check{{Name: settingBaseURL, Err: fmt.Errorf("%w (hint: does Payin answer at this address, below %s?)", err, wire.Prefix)}}
	}
	found := []channel.Check{{Name: settingBaseURL}, {Name: secretSecret}}
	id, err := wire.DecodeMerchantAnswer(a.value)
	if err == nil && id != c.merchantID {
		err = fmt.Errorf("the answer is about merchant %s", id)
	}
	if err != nil {
		err = fmt.Errorf("%w (hint: is the merchant the client's?)", err)
	}
	found = append(found, channel.Check{Name: settingMerchantID, Err: err})
	if c.statementURL != "" {
		found = append(found, c.checkBill(ctx))
	}
	return found
}

func (c *connector) checkBill(ctx context.Context) channel.Check {
	bill, err := c.Bill(ctx, channel.BillDay{Day: c.now().Add(-48 * time.Hour)})
	switch {
	case errors.Is(err, channel.ErrBillNotReady):
		err = errors.New("there is no file of two days ago (hint: does the address lead to the day's GCCRECO file?)")
	case err != nil:
		err = fmt.Errorf("%w (hint: does the address lead to the day's GCCRECO file, and is %s right?)", err, secretStatementToken)
	default:
		err = bill.Close()
	}
	return channel.Check{Name: settingStatementURL, Err: err}
}
