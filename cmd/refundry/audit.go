package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/service"
)

// auditCommand is refundry audit.
type auditCommand struct {
	List auditList `cmd:"" default:"withargs" help:"List the actions of a merchant's chain, or of the installation's, oldest first."`
}

type auditList struct {
	databaseFlags
	merchantFlags
	jsonFlag
	Installation bool  `help:"List what was done to the installation itself instead, such as a change of its keys."`
	After        int64 `help:"Only those after this number." placeholder:"NUMBER"`
	Limit        int   `help:"Most records to list." default:"200" placeholder:"N"`
}

// auditRow is a record in JSON.
type auditRow struct {
	Number    int64             `json:"number"`
	At        time.Time         `json:"at"`
	Merchant  string            `json:"merchant"` // "" is the installation
	Actor     auditActor        `json:"actor"`
	Action    string            `json:"action"`
	Object    string            `json:"object"`
	RequestID string            `json:"request_id"`
	Detail    map[string]string `json:"detail"`
	Hash      string            `json:"hash"`
}

type auditActor struct {
	Kind audit.Kind `json:"kind"`
	Name string     `json:"name"`
}

func auditRowOf(r audit.Record) auditRow {
	row := auditRow{r.Number, r.At, r.MerchantID, auditActor(r.Actor), r.Action, r.Object, r.RequestID, r.Detail, r.Hash}
	if row.Detail == nil {
		row.Detail = map[string]string{}
	}
	return row
}

func (c *auditList) Run(e *environment) error {
	if c.Limit < 1 || c.Limit > maxAudit {
		return usageError{"--limit takes 1 to 1000"}
	}
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	chain := ""
	if !c.Installation {
		m, err := c.find(e, s)
		if err != nil {
			return err
		}
		chain = m.ID
	}
	// What a command wrote that did not live to link it is listed, too.
	if err := service.LinkAudit(e, s); err != nil {
		return err
	}
	records, err := s.AuditRecords(e, chain, c.After, c.Limit+1)
	if err != nil {
		return err
	}
	if len(records) > c.Limit {
		records = records[:c.Limit]
		e.say("there are more: go on with --after %d", records[len(records)-1].Number)
	}
	header := []string{"NUMBER", "AT", "ACTOR", "ACTION", "OBJECT", "DETAIL", "HASH"}
	return printList(e, c.JSON, records, auditRowOf, header, func(r audit.Record) []string {
		return []string{
			strconv.FormatInt(r.Number, 10), when(r.At), r.Actor.String(), r.Action, r.Object, detailText(r.Detail), r.Hash[:min(len(r.Hash), shownHash)],
		}
	})
}

const (
	// maxAudit bounds one list.
	maxAudit = 1000
	// shownHash is how much of a hash a table shows; JSON has all of it.
	shownHash = 12
)

// detailText is a record's detail in one cell.
func detailText(detail map[string]string) string {
	parts := make([]string, 0, len(detail))
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		parts = append(parts, name+"="+detail[name])
	}
	return strings.Join(parts, " ")
}
