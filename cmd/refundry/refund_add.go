package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// refundAdd asks for a refund as an operator.
type refundAdd struct {
	databaseFlags
	merchantFlags
	jsonFlag
	Charge string `arg:"" help:"The charge, by its id or any dialect's name."`
	Amount string `help:"How much, in major units such as 10.00; default everything that is left." placeholder:"AMOUNT" xor:"amount"`
	Minor  *int64 `help:"How much, in minor units such as 1000 for 10.00 CNY." placeholder:"AMOUNT" xor:"amount"`
	Number string `help:"The merchant's own number: repeating the command with it refunds once." placeholder:"NUMBER"`
	Reason string `help:"Why." placeholder:"TEXT" describes:""`

	ReasonCode string        `help:"Why, as a short code such as requested_by_customer." placeholder:"CODE" describes:""`
	Wait       bool          `help:"Wait until it has ended; exits 1 unless it succeeded. A running serve sends it."`
	WaitFor    time.Duration `help:"How long --wait waits at most." default:"5m" placeholder:"TIME"`
	Customer   string        `help:"Whose it is in the shop's own system; default the charge's." placeholder:"CUSTOMER" describes:""`
}

func (c *refundAdd) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	unit, err := c.unit(e, s)
	if err != nil {
		return err
	}
	result, err := acceptAlone(e, s, unit)
	if err != nil {
		return asUsage(err)
	}
	r := result.Refunds[0]
	if c.Wait {
		if r, err = c.outcome(e, s, r); err != nil {
			return err
		}
	}
	if c.JSON {
		err = e.printJSON(native.RefundJSON(r, result.Charges[r.ChargeID]))
		return errors.Join(err, c.ended(r))
	}
	verb := "accepted"
	if result.Repeated {
		verb = "was accepted before"
	}
	e.say("refund of %s %s (%s)", amountText(r.Amount, r.Currency), verb, r.State)
	_, err = fmt.Fprintln(e.out, r.ID)
	return errors.Join(err, c.ended(r))
}

// waitPause is how often --wait looks at the refund.
const waitPause = 250 * time.Millisecond

// outcome waits until a refund has ended, or needs a person.
func (c *refundAdd) outcome(e *environment, s *store.Store, r refund.Refund) (refund.Refund, error) {
	over := time.After(c.WaitFor)
	for {
		now, err := s.Refund(e, r.MerchantID, r.ID)
		if err != nil {
			return r, err
		}
		if now.State.Final() || now.State == refund.Abnormal {
			return now, nil
		}
		select {
		case <-time.After(waitPause):
		case <-over:
			e.say("it has not ended after %v (hint: is serve running?)", c.WaitFor)
			return now, nil
		case <-e.Done():
			return now, nil
		}
	}
}

// ended is errTold for a refund that was waited for and has not succeeded.
func (c *refundAdd) ended(r refund.Refund) error {
	if c.Wait && r.State != refund.Succeeded {
		return errTold
	}
	return nil
}

func (c *refundAdd) unit(e *environment, s *store.Store) (refund.Unit, error) {
	m, err := c.find(e, s)
	if err == nil {
		err = notDisabled(m)
	}
	if err != nil {
		return refund.Unit{}, err
	}
	charge, err := s.ChargeByAny(e, m.ID, c.Charge)
	if err != nil {
		return refund.Unit{}, asUsage(err)
	}
	request := refund.Request{ChargeID: charge.ID, Number: c.Number, Reason: c.Reason, ReasonCode: c.ReasonCode, Customer: c.Customer}
	content := refund.Content{refund.ContentCharge: charge.ID, refund.ContentAmount: ""}
	request.Amount, err = c.amount(charge.Currency)
	if err != nil {
		return refund.Unit{}, err
	}
	if request.Amount != nil {
		content[refund.ContentAmount] = strconv.FormatInt(int64(*request.Amount), 10)
	}
	by := refund.Asker{Key: service.Operator().Name, Dialect: refund.ByCommand, RequestID: newRequestID()}
	return refund.Unit{MerchantID: m.ID, Requests: []refund.Request{request}, Members: []refund.Content{content}, By: by}, nil
}

// amount is how much is asked for, in minor units; nil is everything that is left.
func (c *refundAdd) amount(currency money.Currency) (*money.Minor, error) {
	switch {
	case c.Minor != nil && *c.Minor <= 0:
		return nil, usageError{"--minor must be above 0"}
	case c.Minor != nil:
		return (*money.Minor)(c.Minor), nil
	case c.Amount == "":
		return nil, nil
	}
	amount, err := money.Parse(c.Amount, currency)
	switch written := money.Format(amount, currency); {
	case errors.Is(err, money.ErrOverflow):
		amount = refund.BeyondAll
	case err != nil:
		return nil, usageError{fmt.Sprintf("--amount: %v (hint: %s has %d decimals)", err, currency, currency.Exponent())}
	case written != c.Amount:
		// 100 may be meant as 1.00 by whoever thinks in minor units.
		return nil, usageError{fmt.Sprintf("--amount %s is not written with the %d decimals of %s (hint: --amount %s, or --minor for minor units)",
			c.Amount, currency.Exponent(), currency, written)}
	}
	return &amount, nil
}

// acceptAlone takes a unit through an intake of its own. Its refunds stay
// unclaimed and due now, so that the serve that runs finds them at once.
func acceptAlone(e *environment, s *store.Store, unit refund.Unit) (intake.Result, error) {
	i := intake.New(s, noEngine{}, intake.NewBoard(), intake.Options{})
	ctx, stop := context.WithCancel(context.WithoutCancel(e.Context))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.Run(ctx)
	}()
	defer func() {
		stop()
		<-ended
	}()
	var acceptor dialect.Acceptor = i
	return acceptor.Accept(e, unit, 0)
}

// noEngine has no room: a command must not hold leases when it ends.
type noEngine struct{}

func (noEngine) Reserve(a []refund.AccountKey) []intake.Reservation {
	return make([]intake.Reservation, len(a))
}
func (noEngine) Release([]refund.AccountKey) {}
func (noEngine) Left([]refund.AccountKey)    {}
func (noEngine) PutOff([]refund.AccountKey)  {}
func (noEngine) Take([]refund.Claimed)       {}
func (noEngine) Lease() time.Duration        { return 0 }
