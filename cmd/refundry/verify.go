package main

import (
	"fmt"

	"github.com/refundry/refundry/service"
)

// verifyCommand re-derives every invariant from the database. It needs no
// keys and may run next to a serve.
type verifyCommand struct {
	databaseFlags
	jsonFlag
}

// verifyRow is a finding in JSON.
type verifyRow struct {
	Invariant string `json:"invariant"`
	Merchant  string `json:"merchant"`
	Row       string `json:"row"`
	Text      string `json:"text"`
	Note      bool   `json:"note"` // nothing is broken; worth knowing
}

func (c *verifyCommand) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	findings, err := service.Verify(e, s)
	if err != nil {
		return err
	}
	list := make([]verifyRow, len(findings))
	broken := 0
	for n, f := range findings {
		list[n] = verifyRow{f.Invariant, f.MerchantID, f.Row, f.Text, f.Note}
		if !f.Note {
			broken++
		}
		if c.JSON {
			continue
		}
		kind := "broken"
		if f.Note {
			kind = "note"
		}
		if _, err := fmt.Fprintf(e.out, "%s: %s\n", kind, harmless(f.String())); err != nil {
			return err
		}
	}
	if c.JSON {
		if err := e.printJSON(list); err != nil {
			return err
		}
	}
	if broken > 0 {
		e.say("%d invariants are broken (docs/money.md says what each means)", broken)
		return errTold
	}
	e.say("every invariant holds")
	return nil
}
