package main

import (
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/money"
)

// balanceCommand is refundry balance.
type balanceCommand struct {
	databaseFlags
	merchantFlags
	jsonFlag
}

func (c *balanceCommand) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	balances, err := s.Balances(e, m.ID)
	if err != nil {
		return err
	}
	pauses, err := s.Pauses(e, m.ID)
	if err != nil {
		return err
	}
	for _, p := range pauses {
		e.say("%s is paused since %s: what is reserved is not sent (hint: refundry pause --list)", p.PauseScope, when(p.At))
	}
	header := []string{"ACCOUNT", "CURRENCY", "BALANCE"}
	object := func(b native.Balance) native.Balance { return b }
	return printList(e, c.JSON, native.SortedBalances(balances), object, header, func(b native.Balance) []string {
		return []string{string(b.Account), string(b.Currency), money.SumString(b.Balance, b.Currency)}
	})
}
