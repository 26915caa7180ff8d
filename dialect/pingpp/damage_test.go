package pingpp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// A list without its damaged row would be taken for the whole. So it is refused, names
// the row, and goes on behind it for a client that says so.
func TestAListWithADamagedRowNamesItAndCanBePassed(t *testing.T) {
	s := dialecttest.Start(t)
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	made := s.Merchant(t, "damaged", merchant.Test, nil)
	key, app := made.Key(merchant.PingPP), ""
	var charges []refund.Charge
	for n := range 3 {
		charge := s.Charge(t, made.Merchant.ID, 1000, func(c *refund.Charge) { c.CreatedAt = at.Add(time.Duration(n) * time.Second) })
		charges = append(charges, charge)
	}
	name := func(c refund.Charge) string {
		alias, _ := c.Alias(merchant.PingPP)
		app = alias.Identity
		return alias.Name
	}
	path := "/v1/charges/" + name(charges[0]) + "/refunds"
	for range 3 {
		post(t, s, key, path, `{"description":"d","amount":100}`, 200, "Prefer", "wait=5")
	}
	refunds := ids(t, get(t, s, key, path, 200))
	s.Damage(t, "refunds", refunds[1])
	said := decoded(t, get(t, s, key, path, 500))["error"].(map[string]any)
	if said["type"] != "api_error" {
		t.Errorf("answered %v", said)
	}
	s.Damaged(t, made.Merchant.ID, said["message"].(string), "refund "+refunds[1])
	s.Damaged(t, made.Merchant.ID, get(t, s, key, path+"/"+refunds[1], 500), "refund "+refunds[1])
	if got := ids(t, get(t, s, key, path+"?limit=1", 200)); !cmp.Equal(got, refunds[:1]) {
		t.Errorf("the page before it has %v", got)
	}
	if got := ids(t, get(t, s, key, path+"?starting_after="+refunds[1], 200)); !cmp.Equal(got, refunds[2:]) {
		t.Errorf("behind it are %v", got)
	}
	if got := get(t, s, key, "/v1/charges/"+name(charges[1])+"/refunds?starting_after="+refunds[1], 400); !strings.Contains(got, "starting_after") {
		t.Errorf("another charge's list says %s", got)
	}

	s.Damage(t, "charges", charges[1].ID)
	list := "/v1/charges?app[id]=" + app
	s.Damaged(t, made.Merchant.ID, get(t, s, key, list, 500), "charge "+charges[1].ID, charges[1].OrderNo)
	if got := ids(t, get(t, s, key, list+"&limit=1", 200)); !cmp.Equal(got, []string{name(charges[2])}) {
		t.Errorf("the page before it has %v", got)
	}
	// The oldest embeds the damaged refund.
	s.Damaged(t, made.Merchant.ID, get(t, s, key, list+"&starting_after="+name(charges[1]), 500), "refund "+refunds[1])
	if got := ids(t, get(t, s, key, list+"&starting_after="+name(charges[0]), 200)); len(got) != 0 {
		t.Errorf("behind it are %v", got)
	}
}

// Events are passed in the same way.
func TestAListOfEventsCanBeReadBehindADamagedOne(t *testing.T) {
	s := dialecttest.Start(t)
	made := s.Merchant(t, "damaged", merchant.Test, nil)
	key := made.Key(merchant.PingPP)
	var of []string
	for range 3 {
		charge := s.Charge(t, made.Merchant.ID, 1000, nil)
		alias, _ := charge.Alias(merchant.PingPP)
		re := decoded(t, post(t, s, key, "/v1/charges/"+alias.Name+"/refunds", `{"description":"d","amount":100}`, 200, "Prefer", "wait=5"))
		of = append(of, re["id"].(string))
	}
	all := ids(t, get(t, s, key, "/v1/events", 200))
	if len(all) != 3 {
		t.Fatalf("events are %v", all)
	}
	s.Damage(t, "refunds", of[1])
	s.Damaged(t, made.Merchant.ID, get(t, s, key, "/v1/events", 500), "event "+all[1])
	if got := ids(t, get(t, s, key, "/v1/events?starting_after="+all[1], 200)); !cmp.Equal(got, all[2:]) {
		t.Errorf("behind it are %v", got)
	}
}
