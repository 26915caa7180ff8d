package audit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
)

func TestAnActorIsReadAsItWasWritten(t *testing.T) {
	for _, actor := range []audit.Actor{audit.ByKey("key_1"), audit.ByUser("a b@example.com"), audit.ByCommand(`DOMAIN\some one`), {}} {
		if read := audit.ParseActor(actor.String()); read != actor {
			t.Errorf("%q is read as %q", actor, read)
		}
	}
}

func TestNobodyDoesNothing(t *testing.T) {
	for _, actor := range []audit.Actor{{}, audit.ByKey(""), {Kind: "daemon", Name: "x"}, audit.ParseActor("key")} {
		if err := audit.New(actor, "mer_1", "merchant.add", "mer_1", time.Now()).Check(); !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("%q: %v", actor, err)
		}
	}
	if err := audit.New(audit.ByKey("key_1"), "mer_1", "", "mer_1", time.Now()).Check(); err == nil {
		t.Error("a record says nothing and is fine")
	}
	if err := audit.New(audit.ByKey("key_1"), "", "key.add", "", time.Now()).Check(); err != nil {
		t.Error(err)
	}
}

// chain links three records.
func chain() []audit.Record {
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)
	records := []audit.Record{
		audit.New(audit.ByCommand("root"), "mer_1", "merchant.add", "mer_1", at).With("name", "shop").With("mode", "test"),
		audit.New(audit.ByKey("key_1"), "mer_1", "endpoint.add", "ep_1", at),
		audit.New(audit.ByKey("key_1"), "mer_1", "endpoint.add", "ep_1", at),
	}
	var head audit.Head
	for n := range records {
		records[n].ID = string(rune('a' + n))
		records[n] = head.Link(records[n])
		head = audit.Head{Number: records[n].Number, Hash: records[n].Hash}
	}
	return records
}

func holds(records []audit.Record) bool {
	var head audit.Head
	for _, r := range records {
		if !head.Follows(r) {
			return false
		}
		head = audit.Head{Number: r.Number, Hash: r.Hash}
	}
	return true
}

func TestAChainBreaksWithEachChange(t *testing.T) {
	if records := chain(); !holds(records) || records[1].Hash == records[2].Hash || len(records[0].Hash) != 64 {
		t.Fatalf("a chain that nobody touched: %v", records)
	}
	for name, change := range map[string]func([]audit.Record) []audit.Record{
		"another actor":        func(r []audit.Record) []audit.Record { r[1].Actor.Name = "key_2"; return r },
		"another kind":         func(r []audit.Record) []audit.Record { r[1].Actor.Kind = audit.User; return r },
		"another action":       func(r []audit.Record) []audit.Record { r[1].Action = "endpoint.disable"; return r },
		"another object":       func(r []audit.Record) []audit.Record { r[1].Object = "ep_2"; return r },
		"another time":         func(r []audit.Record) []audit.Record { r[1].At = r[1].At.Add(time.Microsecond); return r },
		"another request":      func(r []audit.Record) []audit.Record { r[1].RequestID = "iar_1"; return r },
		"another merchant":     func(r []audit.Record) []audit.Record { r[1].MerchantID = ""; return r },
		"another id":           func(r []audit.Record) []audit.Record { r[1].ID = "x"; return r },
		"a detail changed":     func(r []audit.Record) []audit.Record { r[0].Detail["name"] = "shops"; return r },
		"a detail less":        func(r []audit.Record) []audit.Record { delete(r[0].Detail, "name"); return r },
		"a detail more":        func(r []audit.Record) []audit.Record { r[0] = r[0].With("", ""); return r },
		"one removed":          func(r []audit.Record) []audit.Record { return append(r[:1], r[2]) },
		"the first removed":    func(r []audit.Record) []audit.Record { return r[1:] },
		"two changed places":   func(r []audit.Record) []audit.Record { r[1], r[2] = r[2], r[1]; return r },
		"numbers changed over": func(r []audit.Record) []audit.Record { r[1].ID, r[2].ID = r[2].ID, r[1].ID; return r },
		"what was object is request": func(r []audit.Record) []audit.Record {
			r[1].Object, r[1].RequestID = "", r[1].Object
			return r
		},
	} {
		if holds(change(chain())) {
			t.Errorf("%s: the chain still holds", name)
		}
	}
}

func TestADetailIsBounded(t *testing.T) {
	r := audit.New(audit.ByKey("key_1"), "", "x", "", time.Now()).With("long", strings.Repeat("x", 2*audit.MaxText))
	if got := len(r.Detail["long"]); got != audit.MaxText {
		t.Errorf("%d bytes", got)
	}
}
