package store

import (
	"strings"

	"github.com/refundry/refundry/refund"
)

// Columns returns the names that a table's statements read and write, as their
// texts have them: a SELECT's list, an INSERT's list, and how many values go
// into one row.
func Columns() map[string]struct {
	Read, Written []string
	Width         int
} {
	list := func(text string) []string {
		if _, behind, is := strings.Cut(text, "("); is {
			text, _, _ = strings.Cut(behind, ")")
		}
		var names []string
		for name := range strings.SplitSeq(text, ",") {
			name = strings.TrimSpace(name)
			if _, behind, is := strings.Cut(name, "."); is {
				name = behind
			}
			names = append(names, name)
		}
		return names
	}
	return map[string]struct {
		Read, Written []string
		Width         int
	}{
		"charges":        {list(chargeColumns), list(insertCharges), chargeWidth},
		"refunds":        {list(refundColumns), list(insertRefunds), refundWidth},
		"charge_aliases": {nil, list(insertAliases), aliasWidth},
		"refund_numbers": {nil, list(insertNumbers), numberWidth},
		"writes":         {nil, list(insertWrite), writeWidth},
		"batches":        {nil, list(insertBatches), batchWidth},
		"transfers":      {nil, list(insertTransfers), transferWidth},
		"attempts":       {nil, list(insertAttempts), attemptWidth},
		"events":         {nil, list(insertEvents), eventWidth},
		"disputes":       {list(disputeColumns), list(insertDispute), len(disputeValues(refund.Dispute{}))},
		"approvals":      {list(approvalColumns), list(insertApprovals), approvalWidth},
		"policies":       {list(policyColumns), list(insertPolicy), 12},
		"dispute_events": {nil, list(insertDisputeEvent), 6},
		"bulk_jobs":      {list(bulkJobColumns), list(insertBulkJob), bulkJobWidth},
		"bulk_lines":     {nil, list(insertBulkLines), bulkLineWidth},
		"batch_events":   {list(batchEventColumns), list(insertBatchEvents), batchEventWidth},
	}
}
