package tidy

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// merchantTables hold rows of one merchant each and are sharded by it, so that
// every statement on them must say whose rows it means.
var merchantTables = []string{
	"charges", "charge_aliases", "refunds", "refund_numbers", "writes", "batches", "attempts", "transfers",
	"events", "batch_events", "payment_events", "deliveries", "delivery_attempts", "feed_counters", "audit_records", "audit_chains",
	"alerts", "channel_notices", "channel_turns", "disputes", "dispute_events", "bulk_jobs", "bulk_lines",
	"refund_counts", "refund_times", "stat_cursors", "stat_recounts",
	"approvals", "carried_balances", "key_days", "policies", "policy_gates",
}

var (
	// everyColumn breaks the previous binary as soon as a migration adds one.
	everyColumn = regexp.MustCompile(`(?i)\bselect\s+(distinct\s+|all\s+)?(\w+\.)?\*|(?is)\bselect\b[^;]*,\s*\w+\.\*`)
	// touchesMerchant finds a merchant's table after the keywords that take
	// one, also further back in a list of tables. Only capitals count, so that
	// an error text such as "update refunds" is no statement.
	touchesMerchant = regexp.MustCompile(`\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(?:ONLY\s+)?(?:\w+(?:\s+(?:AS\s+)?\w+)?\s*,\s*)*(` +
		strings.Join(merchantTables, "|") + `)\b`)
	// smallLetters finds statements that touchesMerchant would overlook.
	smallLetters = regexp.MustCompile(`\b(?:select\s[^;]*\sfrom\s+\w|insert\s+into\s+\w+\s*\(|update\s+\w+\s+set\s|delete\s+from\s+\w+\s+where\s)`)
	returning    = regexp.MustCompile(`\bRETURNING\b[^;)]*`)
)

// SelectStar finds statements that take whatever columns there are. The rule's
// own folder is left out: its tests must be able to quote what they forbid.
func SelectStar(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		if file.within("internal/tidy") {
			continue
		}
		none := texts{}
		eachText(file.Syntax, none, func(at ast.Expr, text string) {
			if everyColumn.MatchString(text) {
				found = append(found, file.finding(at.Pos(), "select star", "SELECT * takes columns that a later migration adds: name them"))
			}
		})
	}
	return found
}

// MerchantID finds statements on a merchant's rows that do not name the
// merchant. Constants are judged where they are used, together with what is
// added to them there.
func MerchantID(files []File) []Finding {
	var found []Finding
	for dir, group := range storeFiles(files) {
		shared := packageTexts(group)
		for _, file := range group {
			if readsAcross(dir, path.Base(file.Path)) {
				continue
			}
			found = append(found, withoutMerchant(file, shared)...)
		}
	}
	return found
}

// storeFiles are the files that hold SQL, by folder: the store's, and those of
// channels that keep tables.
func storeFiles(files []File) map[string][]File {
	groups := map[string][]File{}
	for _, file := range files {
		if (file.within("store") && !file.within("store/migration") || file.within("channel")) && !file.test() {
			groups[file.dir()] = append(groups[file.dir()], file)
		}
	}
	return groups
}

// readsAcross says that the file may read rows of all merchants: finding work
// that is due, and verifying, neither of which locks a row; and moving a database.
func readsAcross(dir, base string) bool {
	across := dir == "store" && slices.Contains([]string{"due.go", "due_bulk.go", "due_fold.go", "due_sharded.go"}, base)
	return across || dir == "store/verify" || dir == "store/move" || path.Dir(dir) == "channel" && base == "verify.go"
}

func withoutMerchant(file File, shared texts) []Finding {
	const rule = "merchant_id"
	var found []Finding
	judge := func(at ast.Expr, text string) {
		switch table := lacksMerchant(text); {
		case table != "":
			found = append(found, file.finding(at.Pos(), rule, "statement on %s does not say whose: name merchant_id in it", table))
		case smallLetters.MatchString(text):
			found = append(found, file.finding(at.Pos(), rule, "write SQL keywords in capitals, so that this rule sees them"))
		}
	}
	for _, declaration := range file.Syntax.Decls {
		known := shared
		if function, ok := declaration.(*ast.FuncDecl); ok && function.Body != nil {
			known = shared.with(function.Body)
		}
		eachText(declaration, known, judge)
	}
	return found
}

// lacksMerchant returns the merchant's table that a text touches without naming
// merchant_id after it, or "". A column that is only selected or returned does
// not route a statement, so neither counts.
func lacksMerchant(text string) string {
	for statement := range strings.SplitSeq(text, ";") {
		statement = returning.ReplaceAllString(statement, "")
		at := touchesMerchant.FindStringSubmatchIndex(statement)
		if at != nil && !strings.Contains(statement[at[0]:], "merchant_id") {
			return statement[at[2]:at[3]]
		}
	}
	return ""
}

// eachText calls visit with every text that the node builds, each as a whole:
// a concatenation or format with what is known of its parts. Names are visited
// where they are used; their declarations are not.
func eachText(node ast.Node, known texts, visit func(ast.Expr, string)) {
	ast.Inspect(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec, *ast.Field:
			return false
		case *ast.ValueSpec:
			for _, value := range node.Values {
				if _, deferred := known.names[only(node.Names)]; !deferred || !isText(value) {
					eachText(value, known, visit)
				}
			}
			return false
		case *ast.AssignStmt:
			return !known.built(node)
		case *ast.SelectorExpr:
			eachText(node.X, known, visit)
			return false
		case *ast.CallExpr:
			if name, _ := growth(node); known.growing[name] {
				return false
			}
			if isText(node) {
				visit(node, known.text(node))
				return false
			}
		case ast.Expr:
			if name, ok := node.(*ast.Ident); ok && known.names[name.Name] == "" {
				return false
			}
			if isText(node) {
				visit(node, known.text(node))
				return false
			}
		}
		return true
	})
}

// isText says that the expression is a text by its form.
func isText(node ast.Expr) bool {
	switch node := node.(type) {
	case *ast.BasicLit:
		return node.Kind == token.STRING
	case *ast.BinaryExpr:
		return node.Op == token.ADD && (isText(node.X) || isText(node.Y))
	case *ast.ParenExpr:
		return isText(node.X)
	case *ast.Ident:
		return true
	case *ast.CallExpr:
		selector, ok := node.Fun.(*ast.SelectorExpr)
		return ok && selector.Sel.Name == "Sprintf"
	}
	return false
}

func only(names []*ast.Ident) string {
	if len(names) != 1 {
		return ""
	}
	return names[0].Name
}
