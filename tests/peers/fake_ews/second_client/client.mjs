// Lists, reads, sends, looks up, moves and deletes, and prints what it saw as JSON.
import { readFileSync } from "node:fs";
import ews from "ews-javascript-api";

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2016);
service.Credentials = new ews.WebCredentials(given.user, given.password);
service.Url = new ews.Uri(given.url);

const folder = (name) => new ews.FolderId(name, new ews.Mailbox(given.user));
const { Inbox, SentItems, Drafts } = ews.WellKnownFolderName;
const idOnly = new ews.PropertySet(ews.BasePropertySet.IdOnly);
const withMime = new ews.PropertySet(ews.BasePropertySet.IdOnly, [ews.ItemSchema.MimeContent]);

const changes = await service.SyncFolderItems(folder(Inbox), idOnly, null, 100, ews.SyncFolderItemsScope.NormalItems, null);
const ids = [...changes.GetEnumerator()].map((change) => change.ItemId);
const message = await ews.EmailMessage.Bind(service, ids[0], withMime);
const mime = message.MimeContent.toString();

const outgoing = new ews.EmailMessage(service);
outgoing.MimeContent = new ews.MimeContent("UTF-8", Buffer.from(given.mime).toString("base64"));
await outgoing.SendAndSaveCopy(folder(SentItems));

// The library writes a condition's value into XML as it is.
const wanted = given.message_id.replace("<", "&lt;").replace(">", "&gt;");
const filter = new ews.SearchFilter.IsEqualTo(ews.EmailMessageSchema.InternetMessageId, wanted);
const found = await service.FindItems(folder(SentItems), filter, new ews.ItemView(5));

const moved = await message.Move(folder(Drafts));
await service.DeleteItems([ids[1]], ews.DeleteMode.MoveToDeletedItems, null, null);

console.log(JSON.stringify({ listed: ids.length, mime, found: found.TotalCount, moved: moved.Id.UniqueId }));
