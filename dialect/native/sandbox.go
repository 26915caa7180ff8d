package native

import (
	"context"
	"net/http"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// maxAdvanceSeconds bounds how far the sandbox's clock is moved at once: ten
// years are beyond every window of a channel.
const maxAdvanceSeconds = 10 * 366 * 24 * 60 * 60

// sandboxAccount is the account that plays the channel for the caller.
func (c *call) sandboxAccount() (merchant.ChannelAccount, error) {
	accounts, err := c.d.s.Directory.ChannelAccounts(c.ctx, c.merchantID())
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	account, has := dialect.SandboxAccount(accounts)
	if !has {
		return account, refund.Errorf(refund.KindForbidden, "", "the merchant has no sandbox account")
	}
	return account, nil
}

type fundsAnswer struct {
	Account  string         `json:"account"`
	Amount   money.Minor    `json:"amount"`
	Currency money.Currency `json:"currency"`
}

// addFunds ends the shortage of all 55s: POST /sandbox/funds.
func (d *Dialect) addFunds(c *call) error {
	amount, account, err := c.funds()
	if err != nil {
		return err
	}
	if err := d.s.Sandbox.AddFunds(c.ctx, account.ID, amount, c.keyed); err != nil {
		return err
	}
	d.s.Wake()
	return c.json(http.StatusOK, fundsAnswer{account.ID, amount.Minor, amount.Currency})
}

func (d *Dialect) againFunds(c *call, _ refund.Write) error {
	amount, account, err := c.funds()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, fundsAnswer{account.ID, amount.Minor, amount.Currency})
}

// funds reads how much is added, and where.
func (c *call) funds() (amount money.Amount, account merchant.ChannelAccount, err error) {
	body, err := c.keyedBody()
	if err != nil {
		return amount, account, err
	}
	err = body.read(required("amount", body.minor(&amount.Minor)), required("currency", body.currency(&amount.Currency)))
	if err == nil && amount.Minor == 0 {
		err = refuse(refund.KindInvalid, "amount", "must be above 0")
	}
	if err != nil {
		return amount, account, err
	}
	account, err = c.sandboxAccount()
	return amount, account, err
}

// settle ends a refund that the sandbox works on: POST
// /sandbox/refunds/{id}/settle. The answer is the refund as it stands right
// then; the sandbox's notice changes it a moment later.
func (d *Dialect) settle(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	state := string(refund.Succeeded)
	if err := body.read(optional("state", oneOf(body, &state, string(refund.Succeeded), string(refund.Failed)))); err != nil {
		return err
	}
	return d.atSandbox(c, func(ctx context.Context, r refund.Refund) error {
		return d.s.Sandbox.Settle(ctx, r.ChannelAccount, r.ChannelNumber, state, c.keyed)
	})
}

// reroute sends an abnormal refund to another account of the payer: POST
// /sandbox/refunds/{id}/reroute.
func (d *Dialect) reroute(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	return d.atSandbox(c, func(ctx context.Context, r refund.Refund) error {
		return d.s.Sandbox.Reroute(ctx, r.ChannelAccount, r.ChannelNumber, c.keyed)
	})
}

// atSandbox does something to the address's refund at the sandbox.
func (d *Dialect) atSandbox(c *call, do func(context.Context, refund.Refund) error) error {
	r, err := c.refund()
	if err != nil {
		return err
	}
	account, err := c.sandboxAccount()
	if err != nil {
		return err
	}
	if r.ChannelAccount != account.ID {
		e := refund.Errorf(refund.KindStateConflict, "id", "the refund does not go through the sandbox")
		e.Refund = r.ID
		return e
	}
	if err := do(c.ctx, r); err != nil {
		return about(err, r)
	}
	d.s.Wake()
	charge, err := d.s.Reader.Charge(c.ctx, c.merchantID(), r.ChargeID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerRefund(r, charge.Detail.Coupons))
}

// about names the refund that a refusal of the sandbox is about: the sandbox
// knows only its own number.
func about(err error, r refund.Refund) error {
	e := refund.As(err)
	if e == nil {
		return err
	}
	named := *e
	named.Refund, named.Charge = r.ID, r.ChargeID
	return &named
}

type clockAnswer struct {
	Account        string `json:"account"`
	AdvanceSeconds int64  `json:"advance_seconds"`
}

// advance moves the sandbox's clock ahead: POST /sandbox/clock.
func (d *Dialect) advance(c *call) error {
	seconds, account, err := c.advance()
	if err != nil {
		return err
	}
	if err := d.s.Sandbox.Advance(c.ctx, account.ID, time.Duration(seconds)*time.Second, c.keyed); err != nil {
		return err
	}
	d.s.Wake()
	return c.json(http.StatusOK, clockAnswer{account.ID, seconds})
}

func (d *Dialect) againAdvanced(c *call, _ refund.Write) error {
	seconds, account, err := c.advance()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, clockAnswer{account.ID, seconds})
}

// advance reads how far the clock is moved, and whose.
func (c *call) advance() (seconds int64, account merchant.ChannelAccount, err error) {
	body, err := c.keyedBody()
	if err == nil {
		err = body.read(required("advance_seconds", body.count(&seconds, 1, maxAdvanceSeconds)))
	}
	if err != nil {
		return 0, account, err
	}
	account, err = c.sandboxAccount()
	return seconds, account, err
}

type resetAnswer struct {
	Merchant string `json:"merchant"`
	Reset    bool   `json:"reset"`
}

// reset renews the demo charges: POST /sandbox/reset.
func (d *Dialect) reset(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	if err := d.s.Resetter.ResetDemo(c.ctx, c.merchantID(), c.keyed); err != nil {
		return err
	}
	return d.againReset(c, refund.Write{})
}

func (d *Dialect) againReset(c *call, _ refund.Write) error {
	return c.json(http.StatusOK, resetAnswer{c.merchantID(), true})
}
