package wechatpay

import (
	"net/http"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

const (
	pathRefunds  = "/v3/refund/domestic/refunds"
	pathAbnormal = "/apply-abnormal-refund"
)

// The attributes of a refund, besides what its request said.
const (
	attributeContent = "content"
	attributeFunds   = "funds_account"
	attributeFrom    = "from"
	attributeReason  = "reason"
	attributeChannel = "channel"
	attributeLanded  = "user_received_account"
)

// Serve implements channelsim.Side.
func (s *Side) Serve(c *channelsim.Call) channelsim.Answer {
	number, below := strings.CutPrefix(c.Path, pathRefunds+"/")
	switch {
	case c.Method == http.MethodPost && c.Path == pathRefunds:
		return s.submit(c)
	case c.Method == http.MethodPost && below && strings.HasSuffix(number, pathAbnormal):
		return s.abnormal(c, strings.TrimSuffix(number, pathAbnormal))
	case c.Method == http.MethodGet && below:
		return s.query(c, number)
	case c.Method == http.MethodGet && strings.HasPrefix(c.Path, "/v3/pay/"):
		return s.order(c)
	case c.Method == http.MethodGet && c.Path == "/v3/certificates":
		return s.certificates(c)
	case c.Method == http.MethodGet && c.Path == "/v3/bill/tradebill":
		return s.tradeBill(c)
	case c.Method == http.MethodGet && c.Path == pathBillFile:
		return s.billFile(c)
	}
	return fail(http.StatusNotFound, "NOT_FOUND", "no such interface: "+c.Method+" "+c.Path)
}

func (s *Side) submit(c *channelsim.Call) channelsim.Answer {
	in, refused := readRefund(c.Body)
	if refused != nil {
		return *refused
	}
	if early := c.Begin(channelsim.StepSubmit, in.OutRefundNo); early != nil {
		return *early
	}
	if !s.takeToken(c.Books.Now()) {
		return fail(http.StatusTooManyRequests, "RATELIMIT_EXCEEDED", "接口频率超限")
	}
	p := paymentOf(c.Books, in)
	if p == nil {
		return fail(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "订单不存在")
	}
	if sub := p.Attributes[attributeSub]; in.SubMchID != sub {
		return fail(http.StatusForbidden, "NO_AUTH", "没有退款权限")
	}
	if r := c.Books.Refund(in.OutRefundNo); r != nil {
		if r.Attributes[attributeContent] != in.content() {
			return against("订单金额或退款金额与之前请求不一致，请核实后再试")
		}
		return s.show(c, p, r)
	}
	if refused := s.rules(c, p, in); refused != nil {
		return *refused
	}
	r, err := c.Books.Create(p, channelsim.Refund{
		Number: in.OutRefundNo, Amount: in.Amount.Refund, NotifyURL: in.NotifyURL, Attributes: map[string]string{
			attributeContent: in.content(), attributeFunds: in.FundsAccount, attributeFrom: fromText(in.Amount.From), attributeReason: in.Reason,
		},
	}, settle)
	if err != nil {
		return against(overLeft)
	}
	return s.show(c, p, r)
}

// paymentOf finds the order. Where both numbers are sent the platform's own decides.
func paymentOf(books *channelsim.Books, in refundRequest) *channelsim.Payment {
	if in.TransactionID != "" {
		return books.Payment(in.TransactionID)
	}
	return books.PaymentByNumber(in.OutTradeNo)
}

const overLeft = "退款金额大于可退金额"

// rules are what the platform refuses of a new refund.
func (s *Side) rules(c *channelsim.Call, p *channelsim.Payment, in refundRequest) *channelsim.Answer {
	refuse := func(a channelsim.Answer) *channelsim.Answer { return &a }
	now := c.Books.Now()
	if in.Amount.Total != p.Amount {
		return refuse(against("订单金额与支付订单不一致"))
	}
	if now.Sub(p.PaidAt) > window {
		return refuse(against("订单已超过可退款的最大期限"))
	}
	switch taken := c.Books.Taken(p); {
	case taken == p.Amount:
		return refuse(against("订单已全额退款"))
	case in.Amount.Refund > p.Amount-taken:
		return refuse(against(overLeft))
	}
	all := c.Books.RefundsOf(p)
	if len(all) >= maxRefunds {
		return refuse(against("退款次数超过50次"))
	}
	if len(all) > 0 && now.Sub(all[len(all)-1].CreatedAt) < spacing {
		return refuse(s.Throttled(c))
	}
	return nil
}

// takeToken keeps the rate of refund requests of a merchant.
func (s *Side) takeToken(now time.Time) bool {
	if s.tokensAt.IsZero() || now.Sub(s.tokensAt) >= time.Second {
		s.tokens, s.tokensAt = perSecond, now
	}
	if s.tokens == 0 {
		return false
	}
	s.tokens--
	return true
}

func (s *Side) query(c *channelsim.Call, number string) channelsim.Answer {
	sub := c.Query.Get("sub_mchid")
	if sub != "" && !merchantNo.MatchString(sub) {
		return badParam("sub_mchid", sub, "must be digits", "query")
	}
	if early := c.Begin(channelsim.StepQuery, number); early != nil {
		return *early
	}
	missing := fail(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "退款单不存在")
	r := c.Refund(number)
	if r == nil {
		return missing
	}
	p := c.Books.Payment(r.TransactionID)
	switch own := p.Attributes[attributeSub]; {
	case own != "" && sub == "":
		return badParam("sub_mchid", "", "is required of a service provider", "query")
	case own != sub:
		return missing
	}
	return s.show(c, p, r)
}
