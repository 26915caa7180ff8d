package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// refundFlags are those of commands that change one refund.
type refundFlags struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The refund, by its id, the merchant's number, or any number that a channel or API gave it."`
}

// change runs an operator's action on the refund, and prints what it is then.
func (c *refundFlags) change(e *environment, act func(context.Context, *admin.Admin, admin.By, string) (refund.Refund, error)) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	r, err := act(e, desk, by, m.ID)
	if err != nil {
		return asUsage(err)
	}
	return c.print(e, s, r)
}

func (c *refundFlags) print(e *environment, s *store.Store, r refund.Refund) error {
	if !c.JSON {
		e.say("refund %s is %s", r.ID, r.State)
		return nil
	}
	charge, err := s.Charge(e, r.MerchantID, r.ChargeID)
	if err != nil {
		return err
	}
	return e.printJSON(native.RefundJSON(r, charge))
}

type refundCancel struct{ refundFlags }

func (c *refundCancel) Run(e *environment) error {
	return c.change(e, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.Refund, error) {
		r, _, err := desk.CancelRefund(ctx, by, merchantID, c.ID)
		return r, err
	})
}

type refundRetry struct{ refundFlags }

func (c *refundRetry) Run(e *environment) error {
	return c.change(e, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.Refund, error) {
		return desk.RetryRefund(ctx, by, merchantID, c.ID)
	})
}

// refundAsk is refundry refund ask.
type refundAsk struct {
	refundFlags
	dataFlags
}

func (c *refundAsk) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil { // the channel account's secrets
		return err
	}
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	r, err := desk.AskRefund(e, by, m.ID, c.ID)
	if err != nil {
		return asUsage(err)
	}
	return c.print(e, s, r)
}

// refundReplay is refundry refund replay.
type refundReplay struct{ refundFlags }

func (c *refundReplay) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	_, replays, err := desk.ReplayRefund(e, by, m.ID, c.ID)
	if err != nil {
		return asUsage(err)
	}
	return printReplays(e, c.JSON, replays)
}

type refundResolve struct {
	refundFlags
	State string `help:"How it ended: succeeded or failed." enum:"succeeded,failed" required:"" placeholder:"STATE"`
	Proof string `help:"Where that is known from, such as a line of the bank's statement; it is kept with the refund." required:"" placeholder:"TEXT"`
}

func (c *refundResolve) Run(e *environment) error {
	return c.change(e, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.Refund, error) {
		return desk.ResolveRefund(ctx, by, merchantID, c.ID, admin.Resolution{State: refund.State(c.State), Proof: c.Proof})
	})
}

type refundReroute struct {
	refundFlags
	Card string `help:"Send it to a card of the payer's: a JSON file with bank_type, bank_account and real_name, or - for stdin; default back to the merchant's own account." placeholder:"FILE"`
	dataFlags
}

func (c *refundReroute) Run(e *environment) error {
	to := channel.Destination{Kind: channel.ToMerchant}
	if c.Card != "" {
		var err error
		if to, err = readCard(e, c.Card); err != nil {
			return err
		}
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil { // the channel account's secrets
		return err
	}
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	r, err := desk.RerouteRefund(e, by, m.ID, c.ID, to)
	if err != nil {
		return asUsage(err)
	}
	return c.print(e, s, r)
}

// maxCardFile bounds the file of a card.
const maxCardFile = 4 << 10

// readCard reads where a refund is to go. The card comes in a file, because
// other users of the machine see a command's arguments.
func readCard(e *environment, name string) (channel.Destination, error) {
	in := e.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return channel.Destination{}, fmt.Errorf("read card: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	var card struct {
		BankType    string `json:"bank_type"`
		BankAccount string `json:"bank_account"`
		RealName    string `json:"real_name"`
	}
	decoder := json.NewDecoder(io.LimitReader(in, maxCardFile))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&card); err != nil {
		// The decoder's error could repeat the card.
		return channel.Destination{}, usageError{"--card takes a JSON object with bank_type, bank_account and real_name"}
	}
	return channel.Destination{Kind: channel.ToPayerCard, Bank: card.BankType, BankAccount: card.BankAccount, RealName: card.RealName}, nil
}
