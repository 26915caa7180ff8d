package tidy

import (
	"go/ast"
	"strings"
)

// dialectNames are the constants of package merchant that name a dialect, by the
// folder of the dialect.
var dialectNames = map[string]string{
	"PingPP": "pingpp", "Wallet": "wallet", "WeChatPay": "wechatpay", "Payin": "payin", "Native": "native",
}

// namesDialects are the files outside of a dialect's folder that may name it.
var namesDialects = map[string]string{
	"dialect/channel.go":               "one table maps the names of channels between dialects",
	"dialect/native/reconciliation.go": "it serves Payin's daily file",
	"service/demo_charges.go":          "the charges of the published pages",
	"cmd/refundry/charge_import.go":    "WeChat Pay's own bill says whose charges it lists",
	"sample/month.go":                  "a shop speaks certain dialects",
	"sample/shop.go":                   "as above",
}

// DialectName finds dialects that are known by name outside of their folders: a
// new one would have to be added there.
func DialectName(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		name := importName(file, module+"/merchant")
		if file.test() || name == "" || namesDialects[file.Path] != "" {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from, ok := selector.X.(*ast.Ident)
			folder := dialectNames[selector.Sel.Name]
			if ok && from.Name == name && folder != "" && !strings.HasPrefix(file.Path, "dialect/"+folder+"/") {
				found = append(found, file.finding(selector.Pos(), "dialect-name",
					"merchant.%s outside of dialect/%s: let the dialect say it of itself (merchant.Dialect)", selector.Sel.Name, folder))
			}
			return true
		})
	}
	return found
}
