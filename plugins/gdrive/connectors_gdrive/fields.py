"""What is asked of Google: scopes, and the fields of answers. Pure."""

from __future__ import annotations

READ = "https://www.googleapis.com/auth/drive.readonly"
WRITE = "https://www.googleapis.com/auth/drive"
DIRECTORY = "https://www.googleapis.com/auth/admin.directory.user.readonly"

FILE_FIELDS = (
    "id,name,description,mimeType,version,trashed,modifiedTime,size,owners(emailAddress,displayName,permissionId),"
    "lastModifyingUser(emailAddress,displayName,permissionId),driveId,parents,webViewLink,permissionIds,"
    "permissions(id,type,role,emailAddress,domain,allowFileDiscovery,deleted,displayName),"
    "hasAugmentedPermissions,capabilities(canDownload),shortcutDetails(targetId),properties,copyRequiresWriterPermission"
)
PERMISSION_FIELDS = "id,type,role,emailAddress,domain,allowFileDiscovery,deleted,displayName,permissionDetails"
COMMENT_FIELDS = (
    "id,content,deleted,author(displayName,emailAddress),quotedFileContent(value),"
    "replies(id,content,deleted,author(displayName,emailAddress))"
)
