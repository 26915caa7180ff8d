package sample

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// ways are how the shop is paid: channels with their currencies, and how many of a
// hundred payments are.
var ways = []struct {
	channel  string
	currency money.Currency
	share    int
	typical  int64 // amount in minor units
}{
	{"wx_pub", "CNY", 24, 12_900},
	{"wx", "CNY", 14, 9_900},
	{"wx_lite", "CNY", 16, 6_800},
	{"alipay", "CNY", 18, 15_900},
	{"alipay_qr", "CNY", 8, 4_900},
	{"upacp", "CNY", 6, 29_900},
	{"wechat_qrcode", "CNY", 4, 3_500},
	{"mastercard", "SAR", 5, 18_000},
	{"visa", "AED", 3, 22_000},
	{"knet", "KWD", 2, 12_500},
}

// reasons are why people want their money back, with their codes.
var reasons = []struct{ text, code string }{
	{"商品质量问题", "defective"},
	{"七天无理由退货", "requested_by_customer"},
	{"拍错了，重新下单", "duplicate"},
	{"发货太慢，不想要了", "not_delivered"},
	{"尺码不合适", "requested_by_customer"},
	{"少发一件", "incomplete"},
	{"活动价格差额", "price_difference"},
	{"包裹破损", "damaged"},
	{"Item arrived damaged", "damaged"},
	{"Ordered twice by mistake", "duplicate"},
	{"Changed my mind", "requested_by_customer"},
	{"Wrong size", "requested_by_customer"},
	{"Never arrived", "not_delivered"},
	{"Price adjustment", "price_difference"},
	{"", ""},
}

// pay registers charges that were paid just now.
func (m *month) pay(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	charges := make([]refund.Charge, n)
	for i := range charges {
		charges[i] = m.charge(i)
	}
	results, err := m.service.Store.RegisterCharges(ctx, charges, nil)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
		m.payments = append(m.payments, payment{r.Charge, int64(r.Charge.Amount)})
	}
	return nil
}

func (m *month) charge(n int) refund.Charge {
	at := m.random.IntN(100)
	way := ways[0]
	for _, one := range ways {
		way = one
		if at -= one.share; at < 0 {
			break
		}
	}
	number := len(m.payments) + n + 1
	amount := way.typical * int64(20+m.random.IntN(30)*m.random.IntN(12)) / 100
	paid := m.clock.now.Add(-time.Duration(m.random.IntN(3000)+1) * time.Second)
	fee := money.Minor(amount * 6 / 1000)
	c := refund.Charge{
		MerchantID: m.merchant.ID, ID: "ch_" + refund.NewID(m.clock.now), OrderNo: fmt.Sprintf("S%s%05d", paid.Format("060102"), number),
		Channel: way.channel, ChannelAccount: m.account, TransactionID: fmt.Sprintf("42%08d%018d", m.opts.Seed%1e8, number),
		Currency: way.currency, Amount: money.Minor(amount), PaidAt: paid, CreatedAt: m.clock.now, UpdatedAt: m.clock.now,
		Customer: fmt.Sprintf("C%05d", 10_000+m.random.IntN(900)), Fee: &fee,
	}
	if m.random.IntN(4) == 0 {
		c.Fee = nil
	}
	if way.currency == "CNY" && m.random.IntN(3) == 0 {
		kind := refund.TypeFunded
		if m.random.IntN(2) == 0 {
			kind = refund.TypeUnfunded
		}
		c.Detail.Coupons = []refund.Coupon{{ID: fmt.Sprintf("cp%d", 100+m.random.IntN(20)), Scope: refund.ScopeOrder, Type: kind, Amount: money.Minor(amount / 10)}}
	}
	return dialect.FillAliases(service.Dialects(), c, m.identities)
}

// ends are the last two digits of amounts by which the sandbox chooses what
// happens (docs/sandbox.md), with how many of a thousand refunds have them. Those that
// wait for funds come at the end alone: the shortage would last for the month.
var ends = []struct{ digits, share int }{
	{51, 38}, {52, 6}, {53, 14}, {54, 12}, {56, 7}, {57, 14}, {58, 12}, {59, 8}, {60, 3}, {61, 4},
}

// amount is how much is asked back of a payment: half the time all that is left.
func (m *month) amount(left int64) int64 {
	amount := left
	if m.random.IntN(2) == 0 || left > 60_000 && m.random.IntN(3) > 0 {
		amount = max(1, left*int64(1+m.random.IntN(9))/10)
	}
	at := m.random.IntN(1000)
	for _, end := range ends {
		if at -= end.share; at < 0 && amount > 200 {
			return amount/100*100 - 100 + int64(end.digits)
		}
	}
	if last := amount % 100; last > 50 && last < 62 && amount > 62 {
		amount -= 12
	}
	return amount
}

// wish is a refund that somebody asks for: an amount of the payment at a place.
type wish struct {
	at     int
	amount int64
}

// ask has people ask for refunds at the same time, in any dialect.
func (m *month) ask(ctx context.Context, n int) error {
	var wishes []wish
	chosen := make(map[int]bool)
	for range n {
		at := len(m.payments) - 1 - min(m.random.IntN(len(m.payments)), m.random.IntN(len(m.payments)))
		if !chosen[at] && m.payments[at].left > 0 {
			chosen[at] = true
			wishes = append(wishes, wish{at, m.amount(m.payments[at].left)})
		}
	}
	return m.askOf(ctx, wishes)
}

// answer is what became of a wish.
type answer struct {
	id  string
	err error
}

func (m *month) askOf(ctx context.Context, wishes []wish) error {
	answers := make([]chan answer, len(wishes))
	for n, w := range wishes {
		p := &m.payments[w.at]
		unit := m.unit(p, w.amount)
		p.left -= w.amount
		answers[n] = make(chan answer, 1)
		waiting := m.service.Waiting()
		go func() {
			result, err := m.service.Accept(ctx, unit)
			if err != nil {
				answers[n] <- answer{"", err}
				return
			}
			answers[n] <- answer{result.Refunds[0].ID, nil}
		}()
		for m.service.Waiting() == waiting && len(answers[n]) == 0 { // in this order
			time.Sleep(10 * time.Microsecond)
		}
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	for _, one := range answers {
		select {
		case a := <-one:
			switch {
			case a.err == nil:
				m.asked = append(m.asked, a.id)
			case refund.KindOf(a.err) == refund.KindInternal:
				return a.err
			default:
				m.report.Refused++
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// unit is one refund as one of the dialects asks for it.
func (m *month) unit(p *payment, amount int64) refund.Unit {
	names := []string{merchant.Native, "pingpp", "wechatpay", "wallet", "payin"}
	speaks := names[m.random.IntN(4)]
	if p.Currency != "CNY" {
		speaks = names[4]
	}
	minor := money.Minor(amount)
	reason := reasons[m.random.IntN(len(reasons))]
	number := fmt.Sprintf("R%s-%d", p.OrderNo, p.left)
	identity := ""
	for _, i := range m.identities {
		if i.Dialect == speaks {
			identity = i.Name
		}
	}
	return refund.Unit{
		MerchantID: m.merchant.ID,
		Requests:   []refund.Request{{ChargeID: p.ID, Amount: &minor, Number: number, Reason: reason.text, ReasonCode: reason.code}},
		By:         refund.Asker{Key: cmp.Or(m.keys[speaks], identity), Dialect: speaks, Identity: identity, Address: "198.51.100.7", RequestID: "iar_" + refund.NewID(m.clock.now)},
		Members:    []refund.Content{{refund.ContentCharge: p.ID, refund.ContentAmount: fmt.Sprint(amount)}},
	}
}

// oldHook is an endpoint that the shop gave up without telling anybody.
const oldHook = "https://old.sample.example/refunds"

// RoundTrip plays the receivers of webhooks. It implements http.RoundTripper.
func (m *month) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	m.report.Webhooks++
	status, body := http.StatusOK, `{"code":"SUCCESS","message":"成功"}`
	switch {
	case r.URL.Host == "old.sample.example" && m.clock.now.After(m.oldFrom):
		status, body = http.StatusNotFound, "gone"
	case m.hooks.IntN(60) == 0:
		status, body = http.StatusBadGateway, "upstream is away"
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}
