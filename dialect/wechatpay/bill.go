package wechatpay

import (
	"errors"
	"io"
	"time"

	"github.com/refundry/refundry/dayfile"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Limits of bills.
const (
	billPage = 1000 // the store's largest page
	// billMadeAt is when a day's bill is made, after the day's end (W2.6-31):
	// what happens later never changes it.
	billMadeAt = 9 * time.Hour
)

// getTradeBill is GET /v3/bill/tradebill.
func (d *Dialect) getTradeBill(c *call) (any, error) { return d.getBill(c, billOfTrade) }

// getFundFlowBill is GET /v3/bill/fundflowbill.
func (d *Dialect) getFundFlowBill(c *call) (any, error) { return d.getBill(c, billOfFunds) }

// getSubMerchantBill is GET /v3/bill/sub-merchant-fundflowbill. Its parts are
// for service providers to whom the platform opened them; we open them to none.
func (d *Dialect) getSubMerchantBill(c *call) (any, error) {
	query, err := wire.ParseSubMerchantBillQuery(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	if code := query.Check(d.Now()); code != "" {
		return nil, noBill(code)
	}
	return nil, notOpened()
}

func notOpened() *wire.Error {
	return &wire.Error{Code: wire.CodeNoAuth, Message: "商户未开通此类账单的权限"}
}

// getBill answers with where the file is and its hash.
func (d *Dialect) getBill(c *call, kind string) (any, error) {
	query, err := wire.ParseBillQuery(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	if query.SubMchID != "" && !c.account.partner() {
		return nil, wire.CheckMode(query.SubMchID, false, wire.LocationQuery)
	}
	if code := query.Check(d.Now()); code != "" {
		return nil, noBill(code)
	}
	if err := served(kind, query.Type); err != nil {
		return nil, err
	}
	file, err := d.bill(c, kind, query)
	if err != nil {
		return nil, err
	}
	defer file.close()
	hash, _, err := wire.BillHash(file.write)
	if err != nil {
		return nil, refund.Wrap(err, "make bill")
	}
	return wire.NewBillAnswer(hash, d.billURL(c, kind, query, hash)), nil
}

// served refuses the types of trade bills that have nothing to tell here:
// recharges are not refunded through us, and nobody has a bill of a cut of its
// own.
func served(kind, billType string) error {
	switch {
	case kind != billOfTrade:
	case billType == wire.BillRecharge:
		return noBill(wire.CodeNoStatement)
	case billType != wire.BillAll && billType != wire.BillSuccess && billType != wire.BillRefund:
		return notOpened()
	}
	return nil
}

func noBill(code wire.Code) *wire.Error {
	if code == wire.CodeStatementCreating {
		return &wire.Error{Code: code, Message: "账单生成中，请稍后再试"}
	}
	return &wire.Error{Code: code, Message: "账单文件不存在"}
}

// bill is a file whose rows have been read. Nothing is held open for it but a
// temporary file, however slow its reader is.
type bill struct {
	trade dayfile.Rows[wire.TradeRow]
	flow  dayfile.Rows[wire.FlowRow]
	// write writes the file, the same each time.
	write func(io.Writer) error
	close func()
}

// bill reads a file's rows. A day without anything in it has none.
func (d *Dialect) bill(c *call, kind string, query wire.BillQuery) (*bill, error) {
	end, ok := d.files.Begin(c.merchantID())
	if !ok {
		return nil, &wire.Error{Code: wire.CodeFrequencyLimited, Message: "其他账单文件正在下载，请稍后再试"}
	}
	b := &bill{}
	b.close = func() {
		_, _ = b.trade.Close(), b.flow.Close() // temporary files
		end()
	}
	day := day{from: query.Date, to: query.Date.AddDate(0, 0, 1)}
	var err error
	if kind == billOfFunds {
		b.write = func(w io.Writer) error { return writeFunds(w, &b.flow) }
		err = d.readFunds(c, query, day, b)
	} else {
		b.write = func(w io.Writer) error { return writeTrade(w, &b.trade, query.Type) }
		err = d.readTrade(c, query, day, b)
	}
	switch {
	case errors.Is(err, dayfile.ErrTooLarge):
		err = &wire.Error{Code: wire.CodeInvalidRequest, Message: "账单行数超过上限"}
	case err == nil && b.trade.Len()+b.flow.Len() == 0:
		err = noBill(wire.CodeNoStatement)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// day is what a bill tells of.
type day struct{ from, to time.Time }

// cut is when the bill was made: what happened later does not show.
func (d day) cut() time.Time { return d.to.Add(billMadeAt) }

// readTrade reads what was registered for the account: another account's orders are
// in that one's bill, so that nothing is in two.
func (d *Dialect) readTrade(c *call, query wire.BillQuery, day day, b *bill) error {
	if query.Type != wire.BillRefund {
		err := d.chargesPaid(c, query, day, func(charge refund.Charge) error {
			return b.trade.Add(charge.PaidAt, charge.TransactionID, paymentRow(charge, c.account))
		})
		if err != nil {
			return err
		}
	}
	if query.Type == wire.BillSuccess {
		return nil
	}
	return d.refundsIn(c, accepted(c, day), query, nil, func(r refund.Refund, charge refund.Charge) error {
		return b.trade.Add(r.CreatedAt, r.ID, refundRow(r, charge, day, c.account))
	})
}

// accepted are the refunds that were accepted on a day.
func accepted(c *call, day day) refund.Filter {
	return refund.Filter{MerchantID: c.merchantID(), CreatedFrom: day.from, CreatedTo: day.to}
}

// readFunds reads the movements of a day: payments and their fees, refunds with the
// fee that comes back, and refunds that were closed, whenever they were accepted.
// Only the basic account is known: everything goes through it.
func (d *Dialect) readFunds(c *call, query wire.BillQuery, day day, b *bill) error {
	if query.Account != wire.AccountBasicFunds {
		return nil
	}
	err := d.chargesPaid(c, query, day, func(charge refund.Charge) error { return addPayment(&b.flow, charge, c.account) })
	if err != nil {
		return err
	}
	err = d.refundsIn(c, accepted(c, day), query, nil, func(r refund.Refund, charge refund.Charge) error { return addRefund(&b.flow, r, charge) })
	if err != nil {
		return err
	}
	on := func(r refund.Refund) bool { return !r.UpdatedAt.Before(day.from) && r.UpdatedAt.Before(day.to) }
	for _, state := range []refund.State{refund.Failed, refund.Canceled} {
		closed := refund.Filter{MerchantID: c.merchantID(), State: state}
		err := d.refundsIn(c, closed, query, on, func(r refund.Refund, charge refund.Charge) error { return addClosed(&b.flow, r, charge) })
		if err != nil {
			return err
		}
	}
	return nil
}

// billed reports whether an account's bill has an order.
func billed(charge refund.Charge, account *account, query wire.BillQuery) bool {
	alias := aliasOf(charge, account.identity)
	return shows(charge) && alias.Identity == account.identity.Name &&
		(query.SubMchID == "" || query.SubMchID == subOf(charge, account.identity))
}

// chargesPaid calls each for the charges that were paid on a day.
func (d *Dialect) chargesPaid(c *call, query wire.BillQuery, of day, each func(refund.Charge) error) error {
	filter := refund.ChargeFilter{
		MerchantID: c.merchantID(), Dialect: merchant.WeChatPay, Identity: c.account.identity.Name,
		PaidFrom: of.from, PaidTo: of.to, Page: refund.Page{Limit: billPage},
	}
	for {
		page, more, err := d.Reader.ChargeList(c.r.Context(), filter)
		if err != nil {
			return err
		}
		for _, charge := range page {
			if !billed(charge, c.account, query) {
				continue
			}
			if err := each(charge); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		last := page[len(page)-1]
		filter.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// refundsIn calls each for refunds with their charges, without those that the bill
// does not have and those that want does not; nil wants all. It remembers the charges
// of one page.
func (d *Dialect) refundsIn(c *call, filter refund.Filter, query wire.BillQuery, want func(refund.Refund) bool, each func(refund.Refund, refund.Charge) error) error {
	filter.Page.Limit = billPage
	for {
		page, more, err := d.Reader.RefundList(c.r.Context(), filter)
		if err != nil {
			return err
		}
		read := make(map[string]refund.Charge)
		for _, r := range page {
			if want != nil && !want(r) {
				continue
			}
			charge, known := read[r.ChargeID]
			if !known {
				if charge, err = d.Reader.Charge(c.r.Context(), c.merchantID(), r.ChargeID); err != nil {
					return err
				}
				read[r.ChargeID] = charge
			}
			if !billed(charge, c.account, query) {
				continue
			}
			if err := each(r, charge); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		last := page[len(page)-1]
		filter.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}
