// Package template is the connector kind of platforms whose only way in is
// their own Excel import.
//
// Out flow: writes gather in a batch. When a person downloads it, the
// platform's own template is filled, with its title rows, merged headers and
// data validation as they are, or a sheet is drawn as the YAML describes. The
// person uploads it on the platform's page and brings back the receipt sheet,
// which closes or refuses row by row. In flow: exports as in the kind files, or
// none at all. An air-gapped workbook is the same with an export of everybody.
//
// # Which row is meant
//
// Each batch has an id, and each row a number in it. They stand in the file's
// name and in the workbook's properties, and, where the platform gives it back,
// in a column: a remark, or one of our own that is hidden. A receipt is matched
// by that token; else by row number or by columns of the row within the batch
// that the file's name or properties say. What matches no batch is noted and
// never applied.
//
// # Invariants
//
// I5: the bytes of a batch are durable before anybody sees them, and the same
// however often they are asked for; no second batch goes out while one is under
// way; a receipt counts once. A batch is closed by its receipt, and by the next
// export that shows what was sent. Without either the YAML is refused: a write
// whose outcome can never be known must not be made. I9: closed batches keep no
// values, and no error carries one.
package template
