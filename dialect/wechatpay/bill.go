package wechatpay

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Limits of bills.
const (
	// maxBillRows bounds the charges and refunds of one bill, which is made in
	// memory: some 100 MB.
	maxBillRows = 200_000
	billPage    = 1000 // the store's largest page
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
	answer := wire.NewBillAnswer(file, "")
	answer.DownloadURL = d.billURL(c, kind, query, answer.HashValue)
	return answer, nil
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

// bill makes the file. A day without anything in it has none.
func (d *Dialect) bill(c *call, kind string, query wire.BillQuery) ([]byte, error) {
	days, err := d.readDay(c, query, kind == billOfFunds)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	var rows int
	if kind == billOfFunds {
		rows, err = writeFunds(&file, days, query.Account, c.account)
	} else {
		rows, err = writeTrade(&file, days, query.Type, c.account)
	}
	switch {
	case err != nil:
		return nil, refund.Wrap(err, "make bill")
	case rows == 0:
		return nil, noBill(wire.CodeNoStatement)
	}
	return wire.DropLongCharacters(file.Bytes()), nil
}

// day is what a bill tells of.
type day struct {
	from, to time.Time
	charges  []refund.Charge // paid on that day
	refunds  []refund.Refund // accepted on that day
	closed   []refund.Refund // closed on that day, whenever they were accepted
	// of has the charge of each refund, by id.
	of map[string]refund.Charge
}

// cut is when the bill was made: what happened later does not show.
func (d day) cut() time.Time { return d.to.Add(billMadeAt) }

// readDay reads what was registered for the account: another account's orders
// are in that one's bill, so that nothing is in two.
func (d *Dialect) readDay(c *call, query wire.BillQuery, withClosed bool) (day, error) {
	out := day{from: query.Date, to: query.Date.AddDate(0, 0, 1), of: make(map[string]refund.Charge)}
	var err error
	out.charges, err = d.chargesPaid(c, out)
	if err != nil {
		return day{}, err
	}
	out.charges = slices.DeleteFunc(out.charges, func(charge refund.Charge) bool { return !billed(charge, c.account, query) })
	accepted := refund.Filter{MerchantID: c.merchantID(), CreatedFrom: out.from, CreatedTo: out.to}
	if out.refunds, err = d.refundsIn(c, accepted, query, out, func(refund.Refund) bool { return true }); err != nil {
		return day{}, err
	}
	if withClosed {
		on := func(r refund.Refund) bool { return !r.UpdatedAt.Before(out.from) && r.UpdatedAt.Before(out.to) }
		for _, state := range []refund.State{refund.Failed, refund.Canceled} {
			closed, err := d.refundsIn(c, refund.Filter{MerchantID: c.merchantID(), State: state}, query, out, on)
			if err != nil {
				return day{}, err
			}
			out.closed = append(out.closed, closed...)
		}
	}
	return out, nil
}

// billed reports whether an account's bill has an order.
func billed(charge refund.Charge, account *account, query wire.BillQuery) bool {
	alias := aliasOf(charge, account.identity)
	return shows(charge) && alias.Identity == account.identity.Name &&
		(query.SubMchID == "" || query.SubMchID == subOf(charge, account.identity))
}

func (d *Dialect) chargesPaid(c *call, of day) ([]refund.Charge, error) {
	filter := refund.ChargeFilter{
		MerchantID: c.merchantID(), Dialect: merchant.WeChatPay, Identity: c.account.identity.Name,
		PaidFrom: of.from, PaidTo: of.to, Page: refund.Page{Limit: billPage},
	}
	var out []refund.Charge
	for {
		page, more, err := d.Reader.ChargeList(c.r.Context(), filter)
		if err != nil {
			return nil, err
		}
		if out = append(out, page...); len(out) > maxBillRows {
			return nil, tooLong()
		}
		if !more {
			return out, nil
		}
		last := page[len(page)-1]
		filter.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// refundsIn lists refunds with their charges, without those that the bill does
// not have.
func (d *Dialect) refundsIn(c *call, filter refund.Filter, query wire.BillQuery, to day, want func(refund.Refund) bool) ([]refund.Refund, error) {
	filter.Page.Limit = billPage
	var out []refund.Refund
	for {
		page, more, err := d.Reader.RefundList(c.r.Context(), filter)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			charge, read := to.of[r.ChargeID]
			if !read && want(r) {
				if charge, err = d.Reader.Charge(c.r.Context(), c.merchantID(), r.ChargeID); err != nil {
					return nil, err
				}
				to.of[r.ChargeID] = charge
			}
			if want(r) && billed(charge, c.account, query) {
				out = append(out, r)
			}
		}
		if len(out) > maxBillRows || len(to.of) > maxBillRows {
			return nil, tooLong()
		}
		if !more {
			return out, nil
		}
		last := page[len(page)-1]
		filter.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

func tooLong() *wire.Error {
	return &wire.Error{Code: wire.CodeInvalidRequest, Message: "账单行数超过上限"}
}

// timed is a row with its place in a bill: by time, then number.
type timed[R any] struct {
	at     time.Time
	number string
	row    R
}

// inOrder adds rows to a bill in the order of their times.
func inOrder[R any](rows []timed[R], add func(R)) {
	slices.SortStableFunc(rows, func(a, b timed[R]) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.number, b.number)) })
	for _, one := range rows {
		add(one.row)
	}
}

// writeFunds writes a fund-flow bill and says how many rows it has. Only the
// basic account is known: everything goes through it.
func writeFunds(w io.Writer, of day, accountType string, account *account) (int, error) {
	if accountType != wire.AccountBasicFunds {
		return 0, nil
	}
	rows := flowRows(of, account)
	bill := wire.NewFlowBill(w)
	// Where the bill's sums fit, as Close says, so does what is between them.
	var balance int64
	inOrder(rows, func(row wire.FlowRow) {
		if row.Direction == wire.FlowIn {
			balance += row.Amount
		} else {
			balance -= row.Amount
		}
		row.Balance = balance
		bill.Add(row)
	})
	return len(rows), bill.Close()
}
